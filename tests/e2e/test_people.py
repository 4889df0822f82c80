"""Guests keep what they have when they sign up; what is another's cannot be seen."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browsing import Visitor, ask, expect_text, questions, replies, text_of

pytestmark = pytest.mark.e2e

PASSWORD = "quiet-Harbour-42"


def sign_up(page: Page, email: str) -> None:
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_text(email)).to_be_visible()


def sign_in(page: Page, email: str) -> None:
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text(email)).to_be_visible()


def account_menu(page: Page) -> Locator:
    """Open it; a guest's and a member's hang on different buttons."""
    page.get_by_role("button", name=re.compile("^(Account: |Settings and more)")).click()
    return page.locator("#account-menu")


def test_signing_up_keeps_a_guests_conversation(page: Page) -> None:
    answer = text_of(ask(page, "What is a tide?"))

    sign_up(page, "keeps@example.org")
    page.get_by_role("navigation").get_by_role("link", name="What is a tide?").click()

    expect(questions(page)).to_have_count(1)
    expect_text(replies(page).last, answer)
    ask(page, "And an ebb?")


def test_signing_in_on_another_device_shows_the_same_and_adds_what_the_guest_there_had(
    page: Page, arrive: Callable[..., Visitor]
) -> None:
    ask(page, "From the first device")
    sign_up(page, "devices@example.org")
    other = arrive().open()
    ask(other, "From the second device")

    sign_in(other, "devices@example.org")

    for title in ("From the first device", "From the second device"):
        expect(other.get_by_role("navigation").get_by_role("link", name=title)).to_be_visible()


def test_signing_out_leaves_nothing_on_the_screen(page: Page) -> None:
    ask(page, "A private matter")
    sign_up(page, "leaves@example.org")

    account_menu(page).get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.get_by_text("A private matter")).to_have_count(0)


def test_charlie_does_not_find_a_conversation_of_alice(page: Page, arrive: Callable[..., Visitor]) -> None:
    ask(page, "A private matter")
    charlie = arrive()
    charlies_page = charlie.open()

    answer = charlies_page.goto(page.url)

    assert answer
    assert answer.status == 404
    expect(charlies_page.get_by_text("A private matter")).to_have_count(0)
    assert len(charlie.problems) == 1  # the browser's own note of the 404
    charlie.problems.clear()
