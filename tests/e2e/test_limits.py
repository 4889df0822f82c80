"""What a person sees who does too much, or whose session ends: a sentence that says what to do, and their text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import Visitor, ask, composer, questions, send, until_state
from tests.e2e.test_people import sign_up
from tests.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def strict() -> Iterator[Product]:
    with Product(
        "tokens_per_second=200&tokens=10", LIMITS="1", MESSAGES_PER_MINUTE="2", SOCKETS_PER_PERSON="2"
    ) as product:
        yield product


@pytest.fixture
def arrive(browser: Browser, strict: Product) -> Iterator[Callable[..., Visitor]]:
    visitors: list[Visitor] = []

    def come(**options: Any) -> Visitor:
        visitors.append(Visitor(browser, strict.url, **options))
        return visitors[-1]

    yield come
    problems = [problem for visitor in visitors for problem in visitor.problems]
    for visitor in visitors:
        visitor.context.close()
    assert problems == []


def test_a_message_too_many_keeps_its_text_and_says_when_to_try_again(page: Page) -> None:
    for text in ("One", "Two"):
        ask(page, text)

    send(page, "Three")

    refused = questions(page).last
    until_state(refused, "refused")
    expect(refused.locator(".message-text")).to_have_text("Three")
    expect(refused.get_by_role("alert")).to_contain_text(re.compile(r"Try again in \d+ seconds?\."))
    expect(refused.get_by_role("button", name="Retry")).to_be_visible()


def test_a_tab_too_many_makes_the_oldest_wait_until_it_is_looked_at(alice: Visitor, page: Page) -> None:
    ask(page, "Hello")
    second = alice.open(page.url)
    expect(composer(second)).to_be_visible()

    third = alice.open(page.url)

    expect(page.locator("#banner")).to_contain_text("open in too many tabs")
    expect(third.locator("#banner")).to_be_hidden()
    third.close()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#banner")).to_be_hidden()


def test_a_tab_whose_session_ends_elsewhere_says_so_and_keeps_the_draft(alice: Visitor, page: Page) -> None:
    other = alice.open("/")
    composer(other).fill("Not finished yet")

    sign_up(page, "elsewhere@example.org")

    expect(other.locator("#banner")).to_contain_text("Your session has ended")
    expect(composer(other)).to_have_value("Not finished yet")
    expect(other.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    other.reload()
    expect(composer(other)).to_have_value("Not finished yet")
    expect(other.get_by_text("elsewhere@example.org")).to_be_visible()
