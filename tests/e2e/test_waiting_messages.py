"""What one writes while a reply is being written waits for its end, is never lost, and is sent once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from inference.serving.scripted import scripted_text
from tests.e2e.browsing import (
    LONG_QUESTION,
    PATIENCE_MS,
    PHONE,
    Visitor,
    ask,
    composer,
    expect_text,
    questions,
    replies,
    send,
    text_of,
    until_state,
    until_words,
)
from tests.e2e.conftest import TOKENS

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def waiting(page: Page) -> Locator:
    return page.get_by_role("region", name="Waiting messages").get_by_role("listitem")


def begin(page: Page, question: str = "What is a tide?") -> None:
    """Ask, and wait until the reply is being written."""
    send(page, question)
    until_words(replies(page).last, 2)


def write_meanwhile(page: Page, *texts: str) -> None:
    for text in texts:
        composer(page).fill(text)
        composer(page).press("Enter")
        expect(composer(page)).to_be_empty()


def expect_conversation(page: Page, *asked: str) -> None:
    expect(replies(page)).to_have_count(len(asked), timeout=PATIENCE_MS)
    until_state(replies(page).last, "completed")
    assert [text_of(question) for question in questions(page).all()] == list(asked)
    for question, reply in zip(asked, replies(page).all(), strict=True):
        expect_text(reply, scripted_text(question, TOKENS))


def test_what_is_written_meanwhile_is_sent_in_order_one_by_one(page: Page) -> None:
    begin(page)

    write_meanwhile(page, "And an ebb?", "And a flood?")

    expect(waiting(page)).to_have_count(2)
    expect(waiting(page).first).to_contain_text("And an ebb?")
    expect(questions(page)).to_have_count(1)
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    expect(waiting(page)).to_have_count(1)
    expect(waiting(page).first).to_contain_text("And a flood?")
    expect(waiting(page)).to_have_count(0)
    expect_conversation(page, "What is a tide?", "And an ebb?", "And a flood?")
    page.reload()
    expect_conversation(page, "What is a tide?", "And an ebb?", "And a flood?")


def test_what_waits_outlives_a_reload(page: Page) -> None:
    begin(page)
    write_meanwhile(page, "And an ebb?")

    page.reload()

    expect_conversation(page, "What is a tide?", "And an ebb?")
    expect(waiting(page)).to_have_count(0)


def test_send_now_stops_the_answer_and_goes_before_the_others(page: Page) -> None:
    begin(page, LONG_QUESTION)
    write_meanwhile(page, "And an ebb?", "And a flood?")

    waiting(page).nth(1).get_by_role("button", name="Send now").click()

    expect(questions(page)).to_have_count(2)
    expect(questions(page).last).to_contain_text("And a flood?")
    until_state(replies(page).first, "cancelled")
    expect(questions(page)).to_have_count(3)
    until_state(replies(page).last, "completed")
    assert [text_of(question) for question in questions(page).all()] == [
        LONG_QUESTION,
        "And a flood?",
        "And an ebb?",
    ]


def test_after_a_stop_they_wait_until_one_sends_them(page: Page) -> None:
    begin(page, LONG_QUESTION)
    write_meanwhile(page, "And an ebb?")

    page.get_by_role("button", name="Stop", exact=True).click()

    until_state(replies(page).last, "cancelled")
    note = page.get_by_text("The last answer was stopped or failed.")
    expect(note).to_be_visible()
    page.reload()
    expect(note).to_be_visible()
    expect(questions(page)).to_have_count(1)
    waiting(page).get_by_role("button", name="Send now").click()
    expect(waiting(page)).to_have_count(0)
    expect(replies(page)).to_have_count(2)
    until_state(replies(page).last, "completed")
    expect_text(replies(page).last, scripted_text("And an ebb?", TOKENS))


def test_one_is_taken_back_to_be_changed_and_another_deleted(page: Page) -> None:
    begin(page)
    write_meanwhile(page, "And an ebb?", "Never mind")
    composer(page).fill("half a thought")

    waiting(page).first.get_by_role("button", name="Edit").click()

    expect(composer(page)).to_have_value("And an ebb?\n\nhalf a thought")
    expect(composer(page)).to_be_focused()
    waiting(page).first.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("region", name="Waiting messages")).to_be_hidden()
    page.reload()
    expect(composer(page)).to_have_value("And an ebb?\n\nhalf a thought")
    until_state(replies(page).last, "completed")
    expect(questions(page)).to_have_count(1)


def test_two_tabs_send_it_once(alice: Visitor, page: Page) -> None:
    begin(page)
    other = alice.open(page.url)
    until_words(replies(other).last, 2)

    write_meanwhile(page, "From the first tab")
    write_meanwhile(other, "From the second tab")

    for tab in (page, other):
        expect_conversation(tab, "What is a tide?", "From the first tab", "From the second tab")
        expect(waiting(tab)).to_have_count(0)


def test_another_tab_sends_when_the_first_has_gone(alice: Visitor, page: Page) -> None:
    begin(page)
    other = alice.open(page.url)
    until_words(replies(other).last, 2)
    write_meanwhile(page, "And an ebb?")

    page.close()

    expect_conversation(other, "What is a tide?", "And an ebb?")


def test_a_message_that_meets_a_running_reply_of_another_tab_waits_instead_of_failing(
    alice: Visitor, page: Page
) -> None:
    ask(page, "What is a tide?")
    other = alice.open(page.url)
    expect(replies(other)).to_have_count(1)
    # What another tab does is heard of late: hints and refreshes of this one are held up.
    held: list[Route] = []
    other.route("**/messages", lambda route: held.append(route))

    send(page, "And an ebb?")
    expect(replies(page)).to_have_count(2)
    composer(other).fill("And a flood?")
    composer(other).press("Enter")

    expect(waiting(other)).to_have_count(1)
    for route in held:
        route.continue_()
    other.unroute("**/messages")
    expect_conversation(page, "What is a tide?", "And an ebb?", "And a flood?")
    assert "still answering" not in other.locator("chat-transcript").inner_text()


def test_on_a_phone_a_small_button_lets_it_wait(arrive: Callable[..., Visitor]) -> None:
    page = arrive(**PHONE).open()
    begin(page)

    composer(page).fill("And an ebb?")
    page.get_by_role("button", name="Send when the answer has ended").tap()

    expect(waiting(page)).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect_conversation(page, "What is a tide?", "And an ebb?")


def test_drafts_and_waiting_messages_of_one_person_are_not_shown_to_the_next(page: Page) -> None:
    composer(page).fill("A private matter")
    page.context.clear_cookies()

    page.reload()

    expect(composer(page)).to_be_focused()
    expect(composer(page)).to_be_empty()


def test_what_nobody_came_back_to_for_a_month_is_forgotten(page: Page) -> None:
    page.evaluate(
        """() => {
            const entry = (days) => JSON.stringify({ at: Date.now() - days * 86400000, value: "text" });
            localStorage.setItem("parley.draft.somebody.old", entry(31));
            localStorage.setItem("parley.draft.somebody.young", entry(29));
            localStorage.setItem("parley.draft.broken", "text");
            localStorage.setItem("another", "text");
        }"""
    )

    page.reload()

    expect(composer(page)).to_be_focused()
    kept = page.evaluate("Object.keys(localStorage).filter((key) => !key.startsWith('parley.pending')).sort()")
    assert kept == ["another", "parley.draft.somebody.young"]
