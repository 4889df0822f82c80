"""An outage is told calmly and only when it lasts; Send comes back when the page knows what it missed."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from inference.serving.scripted import scripted_text
from tests.e2e.browsing import (
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
)
from tests.e2e.conftest import TOKENS
from tests.product import Product

MESSAGES = re.compile(r"/messages\b")
pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# Keeps the page's sockets where a test can cut them, and notes whether the banner was ever shown.
WATCH = """
    window.sockets = [];
    window.WebSocket = class extends WebSocket {
        constructor(...address) { super(...address); sockets.push(this); }
    };
    document.addEventListener("DOMContentLoaded", () => {
        const banner = document.getElementById("banner");
        new MutationObserver(() => { window.sawBanner ||= !banner.hidden; }).observe(banner, { attributes: true });
    });
"""

# The server answers messages as it does when its database is away.
REFUSE = """() => {
    window.refuses = true;
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (text) {
        const frame = JSON.parse(text);
        if (!window.refuses || frame.type !== "message.send") return send.call(this, text);
        const error = { type: "error", v: 1, code: "database.unavailable", retryable: true,
            message: "The database does not answer at the moment.", ref: frame.client_message_id };
        this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(error) }));
    };
}"""


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with Product(f"tokens_per_second=20&tokens={TOKENS}") as started:
        yield started


@pytest.fixture
def alice(browser: Browser, product: Product) -> Iterator[Visitor]:
    visitor = Visitor(browser, product.url)
    visitor.context.add_init_script(WATCH)
    yield visitor
    visitor.context.close()
    visitor.forgive(OUTAGE)
    assert visitor.problems == []


@pytest.fixture
def page(alice: Visitor) -> Page:
    page = alice.open()
    ask(page, "What is a tide?")
    return page


def banner(page: Page) -> Locator:
    return page.locator("#banner")


def send_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Send", exact=True)


def cut(page: Page) -> None:
    page.evaluate("sockets.at(-1).close()")


def hold_messages(page: Page) -> list[Route]:
    """The server is slow to say what the conversation holds."""
    held: list[Route] = []
    page.route(MESSAGES, lambda route: held.append(route))
    return held


def let_go(page: Page, held: list[Route]) -> None:
    give_up_at = time.monotonic() + 10
    while not held:
        assert time.monotonic() < give_up_at, "the page did not ask"
        page.wait_for_timeout(20)
    for route in held:
        route.continue_()
    page.unroute(MESSAGES)


def until_connected_again(page: Page, sockets: int = 2) -> None:
    page.wait_for_function(f"() => sockets.length >= {sockets} && sockets.at(-1).readyState === WebSocket.OPEN")


def test_a_short_outage_is_not_worth_a_word(page: Page) -> None:
    composer(page).fill("And an ebb?")
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)

    cut(page)
    expect(send_button(page)).to_be_disabled()
    page.clock.run_for(400)  # by then it has tried again
    expect(send_button(page)).to_be_enabled()
    page.clock.resume()

    composer(page).press("Enter")
    until_state(replies(page).last, "completed")
    expect_text(replies(page).last, scripted_text("And an ebb?", TOKENS))
    assert not page.evaluate("window.sawBanner")


def test_send_comes_back_when_the_page_knows_what_it_missed(page: Page) -> None:
    held = hold_messages(page)
    composer(page).fill("And an ebb?")

    cut(page)
    until_connected_again(page)

    expect(banner(page)).to_have_text("Reconnecting…")
    expect(send_button(page)).to_be_disabled()
    composer(page).press("Enter")
    expect(questions(page)).to_have_count(1)
    let_go(page, held)
    expect(send_button(page)).to_be_enabled(timeout=1500)  # well before the time-out
    expect(banner(page)).to_be_hidden()


def test_a_list_that_does_not_come_locks_nobody_out(page: Page) -> None:
    held = hold_messages(page)
    composer(page).fill("And an ebb?")

    cut(page)
    until_connected_again(page)

    expect(send_button(page)).to_be_disabled()
    expect(send_button(page)).to_be_enabled()
    expect(banner(page)).to_be_hidden()
    let_go(page, held)


def test_what_another_tab_did_meanwhile_is_there_before_one_can_send(alice: Visitor, page: Page) -> None:
    other = alice.open(page.url)
    composer(page).fill("And a flood?")
    page.evaluate(
        """() => {
            window.Working = WebSocket;
            window.WebSocket = class extends Working { constructor() { super(`ws://${location.host}/nowhere/`); } };
            sockets.at(-1).close();
        }"""
    )
    expect(banner(page)).to_be_visible()
    ask(other, "And an ebb?")

    page.evaluate("() => { window.WebSocket = window.Working; }")

    expect(send_button(page)).to_be_enabled()
    assert questions(page).count() == 2
    composer(page).press("Enter")
    expect(questions(other)).to_have_count(3)
    until_state(replies(other).last, "completed")
    assert [text_of(question) for question in questions(other).all()] == [
        "What is a tide?",
        "And an ebb?",
        "And a flood?",
    ]


def test_what_is_pressed_without_a_connection_is_done_when_there_is_one(page: Page) -> None:
    press_unconnected = "button => { sockets.at(-1).close(); button.click(); }"
    page.get_by_role("button", name="Regenerate").evaluate(press_unconnected)
    expect(replies(page).last.locator("branch-picker")).to_contain_text("2/2")
    until_state(replies(page).last, "running")

    page.get_by_role("button", name="Stop", exact=True).evaluate(press_unconnected)

    until_state(replies(page).last, "cancelled")


def test_being_offline_is_told_apart(alice: Visitor, page: Page) -> None:
    alice.context.set_offline(True)

    expect(banner(page)).to_have_text("You are offline. What you wrote is kept.")
    alice.context.set_offline(False)
    expect(banner(page)).to_be_hidden()
    ask(page, "And an ebb?")


def test_a_restart_of_the_server_is_told_apart(page: Page, product: Product) -> None:
    product.send_signal("web", signal.SIGTERM)

    expect(banner(page)).to_have_text("The server is restarting. One moment…")
    expect(banner(page)).to_be_visible()
    expect(banner(page)).to_be_hidden(timeout=PATIENCE_MS)
    ask(page, "And an ebb?")


def test_a_refused_message_keeps_its_text_and_can_be_sent_again(page: Page) -> None:
    page.evaluate(REFUSE)

    send(page, "And an ebb?")

    refused = questions(page).last
    expect(refused).to_have_attribute("data-state", "refused")
    expect_text(refused, "And an ebb?")
    expect(refused.get_by_role("alert")).to_contain_text("The database does not answer")
    page.evaluate("window.refuses = false")
    refused.get_by_role("button", name="Retry").click()

    expect(replies(page)).to_have_count(2)
    until_state(replies(page).last, "completed")
    expect(refused).to_have_attribute("data-state", "sent")
    expect_text(replies(page).last, scripted_text("And an ebb?", TOKENS))
