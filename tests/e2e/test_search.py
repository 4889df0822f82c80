"""Finding by keyboard: open, type, choose, and be there."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.browsing import REFUSAL, Visitor, ask, composer, questions
from tests.e2e.test_sidebar import choose

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def open_search(page: Page) -> Locator:
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Search your conversations")
    expect(box).to_be_focused()
    return box


def results(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Results").get_by_role("option")


def chosen(page: Page) -> Locator:
    return page.locator("[role=option][aria-selected=true]")


def test_a_message_is_found_and_opened_by_keys(page: Page) -> None:
    for text in ("What is a tide?", "What is a moon?"):
        page.goto("/")
        ask(page, text)

    box = open_search(page)
    expect(results(page)).to_have_count(2)  # what was last talked about
    page.keyboard.type("what is a ti")

    expect(results(page)).to_have_count(1)
    expect(results(page).locator("mark")).to_have_text(["What", "is", "a", "ti"])
    expect(box).to_have_attribute("aria-activedescendant", results(page).get_attribute("id") or "")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/c/[0-9a-f-]+/\?message=[0-9a-f-]+$"))
    expect(questions(page)).to_have_text(re.compile("What is a tide?"))


def test_enter_before_the_results_are_there_opens_what_was_asked_for(page: Page) -> None:
    for text in ("What is a tide?", "What is a moon?"):
        page.goto("/")
        ask(page, text)
    open_search(page)
    expect(chosen(page)).to_contain_text("moon")  # what was last talked about

    page.keyboard.type("tide")
    page.keyboard.press("Enter")

    expect(questions(page)).to_have_text(re.compile("What is a tide?"))


def test_the_arrows_walk_through_the_results_and_escape_leads_back(page: Page) -> None:
    for text in ("Tide one", "Tide two", "Tide three"):
        page.goto("/")
        ask(page, text)
    composer(page).focus()
    open_search(page)
    page.keyboard.type("tide")
    expect(results(page).locator("mark")).to_have_count(3)

    expect(chosen(page)).to_contain_text("Tide three")
    page.keyboard.press("ArrowDown")
    expect(chosen(page)).to_contain_text("Tide two")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(chosen(page)).to_contain_text("Tide one")
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog", name="Search")).to_have_count(0)
    expect(composer(page)).to_be_focused()


def test_the_archive_is_searched_too_and_named(page: Page) -> None:
    ask(page, "What is a tide?")
    choose(page, "What is a tide?", "Archive")

    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("tide")

    expect(results(page)).to_contain_text("In the archive")
    page.get_by_role("button", name="Pinned", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Nothing was found")).to_be_visible()
    page.get_by_role("button", name="Pinned", exact=True).click()
    page.get_by_role("button", name="Archived", exact=True).click()
    expect(page.get_by_role("combobox")).to_have_value("is:archived tide")
    expect(results(page)).to_have_count(1)


def test_an_answer_that_comes_late_does_not_replace_a_newer_one(page: Page) -> None:
    ask(page, "What is a tide?")
    held: list[Route] = []
    page.route("**/api/search?q=moon*", lambda route: held.append(route))
    open_search(page)

    with page.expect_request("**/api/search?q=moon*"):
        page.keyboard.type("moon")
    page.get_by_role("combobox").fill("tide")
    expect(results(page)).to_have_count(1)
    with page.expect_response("**/api/search?q=moon*"):
        held[0].continue_()

    expect(page.get_by_role("status").filter(has_text="Results: 1")).to_be_visible()
    expect(results(page)).to_contain_text("What is a tide?")


def test_a_long_list_goes_on_by_keys(page: Page) -> None:
    ask(page, "Tide 0")
    for number in range(1, 22):
        ask(page, f"Tide {number}")
    open_search(page)
    page.keyboard.type('"tide')

    expect(results(page)).to_have_count(21)
    page.keyboard.press("ArrowUp")
    expect(chosen(page)).to_have_text("Show more")
    page.keyboard.press("Enter")
    expect(results(page)).to_have_count(22)
    expect(chosen(page)).to_contain_text("Tide 1")


def test_hostile_text_stays_text_in_the_results(page: Page) -> None:
    hostile = 'Tide <img src=x onerror="window.pwned = 1"></a><script>window.pwned = 2</script>'
    ask(page, hostile)
    open_search(page)

    page.keyboard.type("img tide")

    expect(results(page).locator(".search__snippet")).to_have_text(hostile)
    assert results(page).locator("img, script").count() == 0
    assert page.evaluate("window.pwned") is None


def test_a_refused_search_says_why(alice: Visitor, page: Page) -> None:
    open_search(page)

    page.keyboard.type("?!")

    expect(page.get_by_role("status").filter(has_text="Type a word to search for")).to_be_visible()
    alice.forgive(REFUSAL)
