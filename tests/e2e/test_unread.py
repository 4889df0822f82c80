"""A new answer is marked where it is not being looked at, and the marks go everywhere when it is."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import Visitor, ask, replies, send, until_state
from tests.e2e.test_sidebar import entry

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MARKED = re.compile(r"^\(1\) ")


def look_away(page: Page, *, is_hidden: bool = True) -> None:
    """What the page is told when another tab comes before it; a browser without a screen never tells it."""
    state = "hidden" if is_hidden else "visible"
    page.evaluate(
        """state => {
            Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


def test_an_answer_elsewhere_is_marked_in_all_tabs_until_one_looks(alice: Visitor, page: Page) -> None:
    send(page, "What is a tide?")
    expect(replies(page)).to_have_count(1)
    address = page.url
    page.goto("/")
    other = alice.open()

    for tab in (page, other):
        expect(entry(tab, "What is a tide?").get_by_role("img", name="Being answered")).to_be_visible()
    for tab in (page, other):
        expect(entry(tab, "What is a tide?").get_by_role("img", name="New answer")).to_be_visible()
        expect(tab).to_have_title(MARKED)

    other.goto(address)

    expect(entry(page, "What is a tide?").locator(".mark")).to_be_hidden()
    for tab in (page, other):
        expect(tab).not_to_have_title(MARKED)


def test_an_answer_that_ends_before_ones_eyes_is_read(page: Page) -> None:
    titles: list[str] = []
    page.expose_function("noteTitle", lambda title: titles.append(title))
    page.evaluate(
        """new MutationObserver(() => noteTitle(document.title))
            .observe(document.querySelector("title"), { childList: true })"""
    )

    with page.expect_response("**/read"):
        ask(page, "What is a tide?")

    page.goto("/")
    expect(entry(page, "What is a tide?")).to_be_visible()
    expect(entry(page, "What is a tide?").locator(".mark")).to_be_hidden()
    assert not [title for title in titles if MARKED.match(title)]


def test_an_answer_that_ends_in_a_hidden_tab_waits_for_its_reader(page: Page) -> None:
    send(page, "What is a tide?")
    expect(replies(page)).to_have_count(1)
    look_away(page)

    until_state(replies(page).last, "completed")
    expect(page).to_have_title("(1) What is a tide? – Parley")
    expect(entry(page, "What is a tide?").get_by_role("img", name="New answer")).to_be_visible()
    look_away(page, is_hidden=False)

    expect(page).to_have_title("What is a tide? – Parley")
    expect(entry(page, "What is a tide?").locator(".mark")).to_be_hidden()


def test_the_marks_hold_still_for_those_who_asked_for_it(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    send(page, "What is a tide?")
    mark = entry(page, "What is a tide?").get_by_role("img", name="Being answered")

    expect(mark).to_be_visible()
    assert mark.evaluate("element => getComputedStyle(element).animationName") == "none"
