"""Guests keep what they have when they sign up; what is another's cannot be seen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.e2e.browsing import PATIENCE_MS, Visitor, ask, expect_text, questions, replies, text_of

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


def test_signing_out_leaves_nothing_on_the_screen(alice: Visitor, page: Page) -> None:
    ask(page, "A private matter")
    sign_up(page, "leaves@example.org")
    alice.until_quiet()  # the browser notes what is refused because it came behind

    account_menu(page).get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.get_by_text("A private matter")).to_have_count(0)


def end_session_elsewhere(visitor: Visitor, page: Page) -> None:
    """As the form does it, but nobody comes back as a new guest."""
    visitor.until_quiet()  # what is under way then would be refused
    token = next(cookie["value"] for cookie in visitor.context.cookies() if cookie["name"] == "csrftoken")
    signing_out = (
        "(token) => fetch('/accounts/logout/', {method: 'POST', headers: {'X-CSRFToken': token}, redirect: 'manual'})"
    )
    page.evaluate(signing_out, token)


def test_a_tab_whose_session_ended_elsewhere_says_so_and_asks_for_nothing_more(alice: Visitor, page: Page) -> None:
    ask(page, "A private matter")

    end_session_elsewhere(alice, page)

    expect(page.locator("#banner")).to_contain_text("Your session has ended")
    assert alice.problems == []  # no request that was refused


def until_told(page: Page, told: list[Any]) -> None:
    give_up_at = time.monotonic() + PATIENCE_MS / 1000
    while not told:
        assert time.monotonic() < give_up_at
        page.wait_for_timeout(50)


def test_a_page_asks_for_nothing_before_it_knows_that_it_is_let_in(alice: Visitor) -> None:
    page = alice.context.new_page()
    closings: list[Callable[[], None]] = []

    def hold_back(route: WebSocketRoute) -> None:
        """What the server ends stays open for the page until it is told."""
        server = route.connect_to_server()
        server.on_close(lambda code, reason: closings.append(lambda: route.close(code=code, reason=reason)))

    page.route_web_socket("**/ws/chat/**", hold_back)
    page.goto("/")
    ask(page, "A private matter")
    end_session_elsewhere(alice, page)
    until_told(page, closings)
    closings.pop()()

    until_told(page, closings)  # it has tried once more
    page.wait_for_timeout(1000)
    assert alice.problems == []
    closings.pop()()

    expect(page.locator("#banner")).to_contain_text("Your session has ended")


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
