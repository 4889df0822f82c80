"""Nobody is moved while they read: what comes below is counted, and following a reply is a matter of taste."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browsing import Visitor, ask, composer, replies, send, until_state, until_words

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SMALL = {"viewport": {"width": 700, "height": 420}}


@pytest.fixture
def alice(arrive: Callable[..., Visitor]) -> Visitor:
    return arrive(**SMALL)


def jump(page: Page) -> Locator:
    return page.get_by_role("button", name="Jump to latest")


def top_of(page: Page) -> int:
    top: int = page.evaluate("Math.round(document.getElementById('scroll').scrollTop)")
    return top


def scroll_up(page: Page) -> None:
    page.mouse.move(350, 150)
    page.mouse.wheel(0, -2000)
    expect(jump(page)).to_be_visible()


def test_what_came_meanwhile_is_counted(alice: Visitor, page: Page) -> None:
    ask(page, "What is a tide?")
    ask(page, "And an ebb?")
    other = alice.open(page.url)
    scroll_up(page)
    before = top_of(page)

    ask(other, "And a flood?")

    expect(jump(page)).to_have_text("Jump to latest2 new")
    assert top_of(page) == before
    jump(page).click()
    expect(jump(page)).to_be_hidden()
    expect(replies(page).last).to_be_in_viewport()
    until_state(replies(page).last, "completed")
    scroll_up(page)
    expect(jump(page)).to_have_text("Jump to latest")


def test_a_waiting_message_that_is_sent_does_not_move_the_reader(page: Page) -> None:
    ask(page, "What is a tide?")
    send(page, "And an ebb?")
    expect(replies(page)).to_have_count(2)
    until_words(replies(page).last, 2)
    composer(page).fill("And a flood?")
    composer(page).press("Enter")
    scroll_up(page)
    before = top_of(page)

    expect(replies(page)).to_have_count(3)
    until_state(replies(page).last, "completed")

    assert top_of(page) == before
    expect(jump(page)).to_have_text("Jump to latest2 new")


def test_whoever_does_not_want_it_is_not_taken_along(page: Page) -> None:
    page.evaluate("import('api').then(({ api }) => api.prefer({ follows_reply: false }))")
    ask(page, "What is a tide?")
    page.reload()
    send(page, "And an ebb?")
    expect(replies(page)).to_have_count(2)
    until_words(replies(page).last, 2)
    expect(replies(page).last).to_be_in_viewport()
    before = top_of(page)

    until_state(replies(page).last, "completed")

    assert abs(top_of(page) - before) < 10  # a line is 26 high
    expect(jump(page)).to_be_visible()
