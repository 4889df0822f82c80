"""A person asks in a real browser and gets every word, whatever happens to the page, the tab or the server."""

from __future__ import annotations

import re
import signal

import pytest
from playwright.sync_api import Page, expect

from inference.serving.scripted import scripted_text
from tests.e2e.browsing import (
    LONG_QUESTION,
    OUTAGE,
    PATIENCE_MS,
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
from tests.product import Product

pytestmark = pytest.mark.e2e

QUESTION = "What is a tide?"
ANSWER = scripted_text(QUESTION, TOKENS)


def test_a_guest_asks_and_sees_the_whole_answer(page: Page) -> None:
    expect(composer(page)).to_be_focused()

    reply = ask(page, QUESTION)

    expect_text(questions(page).last, QUESTION)
    expect_text(reply, ANSWER)
    expect(composer(page)).to_be_empty()
    expect(composer(page)).to_be_focused()
    expect(page).to_have_url(re.compile(r"/c/[0-9a-f-]{36}/$"))
    expect(page.locator(".answer-status")).to_have_text("Answer ready")
    expect(page.get_by_role("navigation").get_by_role("link", name=QUESTION)).to_have_count(1)


def test_the_answer_grows_while_it_is_written(page: Page) -> None:
    send(page, QUESTION)

    seen = until_words(replies(page).last, 5)

    assert ANSWER.startswith(seen)
    assert seen != ANSWER
    expect(page.locator(".answer-status")).to_have_text("Answering")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    until_state(replies(page).last, "completed")
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()


def test_the_message_is_shown_at_once_and_sent_by_the_button_too(page: Page) -> None:
    composer(page).fill(QUESTION)
    page.get_by_role("button", name="Send", exact=True).click()

    expect_text(questions(page).last, QUESTION)
    until_state(replies(page).last, "completed")


def test_a_reload_in_mid_answer_loses_nothing(page: Page) -> None:
    send(page, QUESTION)
    until_words(replies(page).last, 10)

    page.reload()

    seen = until_words(replies(page).last, 10)
    assert ANSWER.startswith(seen)
    until_state(replies(page).last, "completed")
    expect_text(replies(page).last, ANSWER)
    assert (questions(page).count(), replies(page).count()) == (1, 1)


def test_stop_keeps_what_was_written_and_says_so(page: Page) -> None:
    send(page, LONG_QUESTION)
    seen = until_words(replies(page).last, 5)

    page.get_by_role("button", name="Stop", exact=True).click()

    until_state(replies(page).last, "cancelled")
    expect(replies(page).last.get_by_text("Stopped")).to_be_visible()
    shown = text_of(replies(page).last)
    page.reload()
    kept = text_of(replies(page).last)
    expect(replies(page).last.get_by_text("Stopped")).to_be_visible()
    assert kept.startswith(shown)
    assert shown.startswith(seen)
    assert scripted_text(LONG_QUESTION, TOKENS).startswith(kept)
    assert kept != scripted_text(LONG_QUESTION, TOKENS)


def test_a_second_tab_shows_the_message_and_the_answer(alice: Visitor, page: Page) -> None:
    ask(page, QUESTION)
    second = alice.open(page.url)

    send(page, "And an ebb?")

    expect(questions(second)).to_have_count(2)
    assert text_of(questions(second).last) == "And an ebb?"
    until_state(replies(second).last, "completed")
    until_state(replies(page).last, "completed")
    for tab in (page, second):
        expect_text(replies(tab).last, scripted_text("And an ebb?", TOKENS))


def test_the_answer_goes_on_after_the_web_process_was_killed(alice: Visitor, page: Page, product: Product) -> None:
    send(page, QUESTION)
    until_words(replies(page).last, 5)

    product.send_signal("web", signal.SIGKILL)

    banner = page.get_by_role("status").filter(has_text="Reconnecting…")
    expect(banner).to_be_visible()
    until_state(replies(page).last, "completed")
    expect(banner).to_be_hidden()
    expect_text(replies(page).last, ANSWER)
    alice.forgive(OUTAGE)


def test_a_message_to_a_dying_server_arrives_once(alice: Visitor, page: Page, product: Product) -> None:
    ask(page, QUESTION)
    product.send_signal("web", signal.SIGSTOP)

    send(page, "Are you there?")
    expect(questions(page).last).to_have_attribute("data-state", "pending")
    product.send_signal("web", signal.SIGKILL)

    expect(replies(page)).to_have_count(2, timeout=PATIENCE_MS)
    until_state(replies(page).last, "completed")
    expect_text(replies(page).last, scripted_text("Are you there?", TOKENS))
    page.reload()
    assert [text_of(questions(page).nth(i)) for i in range(2)] == [QUESTION, "Are you there?"]
    expect(questions(page)).to_have_count(2)
    expect(replies(page)).to_have_count(2)
    alice.forgive(OUTAGE)


def test_a_conversation_goes_on_after_a_new_chat_was_begun(page: Page) -> None:
    ask(page, QUESTION)
    page.get_by_role("navigation").get_by_role("link", name="New chat").click()
    expect(replies(page)).to_have_count(0)
    ask(page, "Something else")

    page.get_by_role("navigation").get_by_role("link", name=QUESTION).click()

    expect(questions(page).last).to_contain_text(QUESTION)
    ask(page, "And an ebb?")
    assert [text_of(questions(page).nth(i)) for i in range(2)] == [QUESTION, "And an ebb?"]
