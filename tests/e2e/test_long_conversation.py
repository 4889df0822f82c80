"""A thousand messages: one window of them is here, the others come when they are wanted, and nothing jumps."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import Visitor, ask, expect_text, questions, replies, send, until_state
from tests.e2e.test_branches import message_id, press
from tests.product import Product
from tests.seeding import long_conversation, question

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MESSAGES = 1000
TOP_OF = "message => message.getBoundingClientRect().top"


@pytest.fixture
def long(alice: Visitor, product: Product) -> Page:
    page = alice.open()
    person_id = page.locator("#app").get_attribute("data-person-id") or ""
    page.goto(f"/c/{long_conversation(product, person_id, MESSAGES)}/")
    return page


def address_of(page: Page, number: int) -> str:
    """Where question `number` is opened; found as the search does, by the API."""
    message_id = page.evaluate(
        """async text => {
          const path = `/api${location.pathname.replace("/c/", "/conversations/")}messages?limit=200`;
          for (let leaf = ""; leaf !== null; ) {
            const page = await (await fetch(path + (leaf && `&leaf_id=${leaf}`))).json();
            const found = page.items.find(message => message.text === text);
            if (found) return found.id;
            leaf = page.next_leaf_id;
          }
        }""",
        question(number),
    )
    return f"?message={message_id}"


def loaded(page: Page) -> int:
    return page.locator("chat-message").count()


def test_the_newest_are_shown_first_and_scrolling_up_brings_the_older_without_a_jump(long: Page) -> None:
    expect(replies(long).last).to_be_in_viewport()
    assert loaded(long) == 50

    long.locator("#scroll").hover()
    first = questions(long).first.element_handle()
    while loaded(long) == 50:
        long.mouse.wheel(0, -500)
        long.evaluate("new Promise(requestAnimationFrame)")

    top = first.evaluate(TOP_OF)
    long.mouse.wheel(0, -100)
    long.wait_for_function(
        "([message, top]) => Math.abs(message.getBoundingClientRect().top - top - 100) < 2", arg=[first, top]
    )
    assert loaded(long) > 50


def test_a_message_that_is_not_loaded_is_opened_pointed_at_and_read_on_from(long: Page) -> None:
    address = address_of(long, 100)
    long.goto(long.url + address)

    wanted = questions(long).filter(has_text=question(100))
    expect(wanted).to_be_in_viewport()
    expect(wanted).to_have_class("message is-pointed-at")
    expect(wanted).to_have_class("message")
    before = wanted.evaluate(TOP_OF)
    count = loaded(long)
    long.locator("#scroll").hover()
    while loaded(long) < count + 50:
        long.mouse.wheel(0, 500)
        long.evaluate("new Promise(requestAnimationFrame)")
    assert wanted.evaluate(TOP_OF) < before
    expect(questions(long).filter(has_text=question(130))).to_have_count(1)


def test_jump_to_latest_leads_from_there_to_the_end(long: Page) -> None:
    long.goto(long.url + address_of(long, 100))

    long.get_by_role("button", name="Jump to latest").click()

    expect(questions(long).last).to_contain_text(question(MESSAGES // 2 - 1))
    expect(replies(long).last).to_be_in_viewport()
    expect(long.get_by_role("button", name="Jump to latest")).to_be_hidden()
    expect(questions(long).filter(has_text=question(100))).to_have_count(0)


def test_what_is_written_there_follows_the_last_reply(long: Page) -> None:
    long.goto(long.url + address_of(long, 100))

    send(long, "And an ebb?")

    expect_text(questions(long).last, "And an ebb?")
    until_state(replies(long).last, "completed")
    long.reload()
    long.goto(long.url.partition("?")[0])
    expect_text(questions(long).last, "And an ebb?")
    expect(questions(long).nth(-2)).to_contain_text(question(MESSAGES // 2 - 1))


def test_a_message_of_another_branch_is_opened_on_its_branch(page: Page) -> None:
    ask(page, "What is a tide?")
    address = f"?message={message_id(questions(page).last)}"
    press(questions(page).last, "Edit")
    page.get_by_role("textbox", name="Edit message").fill("What is a wave?")
    page.get_by_role("button", name="Update and rerun").click()
    until_state(replies(page).last, "completed")
    expect(questions(page).last.locator("branch-picker")).to_contain_text("2/2")

    page.goto(page.url + address)

    expect_text(questions(page).last, "What is a tide?")
    page.wait_for_load_state("networkidle")
    page.goto(page.url.partition("?")[0])
    expect_text(questions(page).last, "What is a tide?")
