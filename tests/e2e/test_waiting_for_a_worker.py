"""Whoever must wait for a worker sees how long the queue is, and whether anybody is there at all."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from inference.serving.scripted import scripted_text
from tests.e2e.browsing import PATIENCE_MS, Visitor, ask, expect_text, replies, send, until_state, until_words
from tests.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TOKENS = 120


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """Writes one reply at a time."""
    with Product(f"tokens_per_second=20&tokens={TOKENS}", ENGINE_MAX_RUNNING="1") as started:
        yield started


def visitor(browser: Browser, product: Product) -> Page:
    return Visitor(browser, product.url).open()


def test_the_place_in_the_queue_is_shown_and_moves_on(browser: Browser, product: Product) -> None:
    first, second, third = (visitor(browser, product) for _ in range(3))
    send(first, "The first")
    until_words(replies(first).last, 2)

    send(second, "The second")
    expect(second.get_by_text("Waiting for a free place…").first).to_be_visible()
    send(third, "The third")
    expect(third.locator(".message__place")).to_have_text("Waiting: 1 before you")
    expect(third.locator(".answer-status")).to_have_text("Waiting: 1 before you")

    first.get_by_role("button", name="Stop", exact=True).click()
    until_words(replies(second).last, 2)
    expect(second.locator(".message__place")).to_be_hidden()
    expect(third.locator(".message__place")).to_have_text("Waiting for a free place…", timeout=PATIENCE_MS)
    second.get_by_role("button", name="Stop", exact=True).click()
    until_state(replies(third).last, "completed")
    expect_text(replies(third).last, scripted_text("The third", TOKENS))
    for page in (first, second, third):
        page.context.close()


def test_a_quick_reply_shows_nothing_of_it(browser: Browser, product: Product) -> None:
    page = visitor(browser, product)
    page.evaluate(
        """() => {
            window.shown = 0;
            const look = () => {
                const places = [...document.querySelectorAll(".message__place")];
                for (const place of places.filter((place) => place.checkVisibility()))
                    window.shown = Math.max(window.shown, getComputedStyle(place).opacity);
                requestAnimationFrame(look);
            };
            look();
        }"""
    )

    ask(page, "What is a tide?")

    assert page.evaluate("window.shown") < 0.5
    page.context.close()


def test_that_nobody_is_there_is_said_and_the_message_is_answered_later(browser: Browser, product: Product) -> None:
    page = visitor(browser, product)
    product.send_signal("worker-interactive", signal.SIGSTOP)
    try:
        send(page, "Is anybody there?")
        expect(page.locator(".message__place")).to_contain_text("Nobody is there to answer yet.", timeout=PATIENCE_MS)
        expect(page.locator(".message__place")).to_be_visible()
    finally:
        product.send_signal("worker-interactive", signal.SIGCONT)

    until_state(replies(page).last, "completed")
    expect_text(replies(page).last, scripted_text("Is anybody there?", TOKENS))
    page.context.close()
