"""Whoever said something about answers finds what became of it, is told once, and has the last word on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browsing import PHONE, Visitor, ask, replies
from tests.e2e.test_accessibility import BROWSERS, serious
from tests.e2e.test_answers import panel
from tests.e2e.test_branches import press
from tests.outcomes import PIECES, write_outcomes
from tests.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def with_outcomes(page: Page, product: Product) -> Page:
    """What the person at this page said is at every stage."""
    write_outcomes(product, page.locator("#app").get_attribute("data-person-id") or "")
    page.reload()
    return page


def card(page: Page, question: str) -> Locator:
    return page.get_by_role("article", name=question)


def test_a_notice_leads_to_the_answer_then_and_now(page: Page, product: Product) -> None:
    with_outcomes(page, product)
    notice = page.locator("#news")
    expect(notice).to_contain_text("Your question was asked again: v7 answers it better now.")
    notice.get_by_role("link", name="See what became of it").click()

    found = card(page, "Where do rivers end?")
    expect(found.get_by_role("listitem").last).to_contain_text("Better")
    expect(found).to_contain_text("In a lake, as far as anybody knows")
    expect(found.get_by_role("heading", name="The answer now, by v7").locator("..")).to_contain_text("In the sea.")
    better = found.get_by_role("button", name="Better")
    better.focus()
    page.keyboard.press("Enter")
    expect(better).to_have_attribute("aria-pressed", "true")
    better.click()
    expect(better).to_have_attribute("aria-pressed", "false")
    for question, _, _, stage in PIECES[:3]:
        words = {"received": "Waiting for a reviewer", "declined": "Not accepted", "accepted": "Accepted"}
        expect(card(page, question)).to_contain_text(words[stage])
    page.goto("/")
    expect(notice).to_be_hidden()


def test_the_notice_can_be_put_away_and_does_not_come_back(page: Page, product: Product) -> None:
    with_outcomes(page, product)
    with page.expect_response(lambda answer: answer.url.endswith("/seen/") and answer.status == 204):
        page.get_by_role("button", name="Put away").click()

    expect(page.locator("#news")).to_be_hidden()
    page.reload()
    expect(page.locator("#news")).to_be_hidden()


def test_the_panel_says_where_it_stands_and_it_can_be_taken_back_from_the_list(page: Page) -> None:
    page.goto("/settings/privacy/")
    page.get_by_role("button", name="Allow training on my conversations").click()
    page.goto("/")
    ask(page, "What is a tide?")
    press(replies(page).last, "Bad answer")
    panel(page).get_by_role("textbox", name="What would have been the right answer?").fill("The sea rises.")
    panel(page).get_by_role("button", name="Save").click()
    expect(panel(page)).to_have_count(0)

    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("link", name="Your feedback").click()

    found = card(page, "What is a tide?")
    expect(found).to_contain_text("Waiting for a reviewer")
    found.get_by_text("The answer and your correction").click()
    expect(found.get_by_text("The sea rises.")).to_be_visible()
    found.get_by_role("link", name="What is a tide?").click()
    press(replies(page).last, "Your feedback")
    expect(panel(page)).to_be_visible()
    page.goto("/settings/feedback/")
    found.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("status")).to_contain_text("Taken back.")
    expect(found).to_have_count(0)


def test_it_is_read_and_judged_without_javascript(arrive: Callable[..., Visitor], page: Page, product: Product) -> None:
    with_outcomes(page, product)
    cookies = page.context.cookies()
    plain = arrive(java_script_enabled=False)
    plain.context.add_cookies([{**cookie} for cookie in cookies])

    reader = plain.open("/")
    expect(reader.locator("#news")).to_contain_text("v7")
    reader.locator("#news").get_by_role("link").click()
    card(reader, "Where do rivers end?").get_by_role("button", name="Worse").click()

    expect(card(reader, "Where do rivers end?").get_by_role("button", name="Worse")).to_have_attribute(
        "aria-pressed", "true"
    )


@pytest.mark.parametrize("look", BROWSERS)
def test_it_is_open_to_everybody(look: str, arrive: Callable[..., Visitor], product: Product) -> None:
    page = with_outcomes(arrive(**BROWSERS[look]).open(), product)
    assert serious(page) == []
    page.goto("/settings/feedback/")
    assert serious(page) == []


def test_nothing_stands_out_of_a_narrow_page(arrive: Callable[..., Visitor], product: Product) -> None:
    page = with_outcomes(arrive(**PHONE).open(), product)
    for path in ("/", "/settings/feedback/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
