"""A correction, once accepted, answers whoever asks the same in other words: marked, with its source, and the model's
own answer one click away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browsing import PHONE, Visitor, ask, expect_text, replies, text_of, until_state
from tests.e2e.test_accessibility import serious
from tests.e2e.test_people import sign_up
from tests.product import ALL_ARE_KNOWN, ROOT, Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ANSWER = "Ten weeks, at most **twenty**."


def manage(product: Product, *words: str) -> None:
    """What an operator, or a reviewer by a program, does beside the pages."""
    subprocess.run([sys.executable, *words], cwd=ROOT, env=product.environment, check=True, capture_output=True)


def sources(page: Page) -> Locator:
    return replies(page).last.locator("[data-part=sources]")


def allow_training(page: Page) -> None:
    page.goto("/settings/privacy/")
    page.get_by_role("button", name="Allow training on my conversations").click()
    expect(page.get_by_text("Allowed since")).to_be_visible()
    page.goto("/")


def correct(page: Page, text: str) -> None:
    replies(page).last.get_by_role("button", name="Bad answer").click()
    page.get_by_role("checkbox", name="Not correct").check()
    page.get_by_label("What would have been the right answer?").fill(text)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".feedback-panel")).to_have_count(0)


def test_an_accepted_correction_answers_somebody_else_who_asks_in_other_words(
    page: Page, product: Product, arrive: Callable[..., Visitor]
) -> None:
    allow_training(page)
    ask(page, "How long does a building permit take in this town?")
    correct(page, ANSWER)
    bob = arrive().open()
    sign_up(bob, "bob@example.org")
    manage(product, "manage.py", "role", "bob@example.org", "reviewer")
    manage(product, "-m", "tests.accepting", "bob@example.org")

    product.until_rows(ALL_ARE_KNOWN)
    charlie = arrive().open()
    ask(charlie, "How long does the building permit take in this town, please?")

    expect_text(replies(charlie).last, ANSWER)
    expect(sources(charlie)).to_be_visible()
    expect(sources(charlie)).to_contain_text("Approved answer")
    expect(sources(charlie)).to_contain_text("How long does a building permit take in this town?")
    expect(sources(charlie).get_by_role("link")).to_have_count(0)
    assert serious(charlie) == []
    charlie.reload()
    expect(sources(charlie)).to_contain_text("Approved answer")

    sources(charlie).get_by_role("button", name="Ask the model alone").click()
    expect(sources(charlie)).to_be_hidden()
    until_state(replies(charlie).last, "completed")
    assert "Ten weeks" not in text_of(replies(charlie).last)
    replies(charlie).last.get_by_role("button", name="Previous version").click()
    expect_text(replies(charlie).last, ANSWER)
    expect(sources(charlie)).to_be_visible()


def test_where_it_is_not_sure_those_that_may_fit_are_offered(product: Product, arrive: Callable[..., Visitor]) -> None:
    bob = arrive().open()
    sign_up(bob, "bob-two@example.org")
    manage(product, "manage.py", "role", "bob-two@example.org", "reviewer")
    bob.goto("/approved-answers/")
    bob.get_by_text("Add an answer").click()
    bob.get_by_role("textbox", name="Question As people").fill("Who repairs a wet wall in the cellar of the house?")
    bob.get_by_role("textbox", name="Answer It is given").fill("A drying company.")
    bob.get_by_role("button", name="Save", exact=True).click()
    expect(bob.get_by_text("Saved. It is given from now on.")).to_be_visible()
    assert serious(bob) == []

    bob.goto("/")
    product.until_rows(ALL_ARE_KNOWN)
    ask(bob, "My wall in the cellar is wet, who helps?")

    expect(replies(bob).last.locator("strong")).to_have_text("Who repairs a wet wall in the cellar of the house?")
    expect(replies(bob).last).to_contain_text("A drying company.")
    expect(sources(bob)).to_contain_text("Approved answers, one of which may be what you need")
    assert serious(bob) == []
    bob.reload()
    expect(sources(bob)).to_contain_text("one of which may be what you need")
    replies(bob).last.get_by_role("button", name="Regenerate").click()
    expect(sources(bob)).to_contain_text("Written with approved answers in view")
    until_state(replies(bob).last, "completed")
    sources(bob).get_by_role("link", name="Who repairs a wet wall").click()
    expect(bob.get_by_role("heading", name="Approved answer", exact=True)).to_be_visible()
    bob.get_by_role("button", name="Retire", exact=True).click()
    expect(bob.get_by_text("This answer is not given any more.")).to_be_visible()
    expect(bob.get_by_text("A drying company.")).to_have_count(0)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(PHONE, id="phone", marks=pytest.mark.slow),
        pytest.param({"color_scheme": "dark", "locale": "zh-CN"}, id="dark, Chinese"),
    ],
)
def test_the_page_is_open_to_everybody(
    options: dict[str, object], product: Product, arrive: Callable[..., Visitor]
) -> None:
    email = f"bob-{len(options)}@example.org"
    english = arrive()
    page = english.open()
    sign_up(page, email)
    manage(product, "manage.py", "role", email, "reviewer")
    visitor = arrive(**options)
    visitor.context.add_cookies(english.context.cookies())
    shown = visitor.open("/approved-answers/")
    assert serious(shown) == []
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
