"""The settings pages in a browser: choices take effect at once, follow the person, and work by keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Response, expect

from tests.e2e.browsing import PHONE, Visitor, ask
from tests.e2e.test_people import PASSWORD, account_menu, sign_in, sign_up

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def open_settings(page: Page, section: str = "") -> None:
    account_menu(page).get_by_role("link", name="Settings").click()
    if section:
        page.get_by_role("navigation", name="Settings").get_by_role("link", name=section).click()


def choose(page: Page, group: str, choice: str) -> None:
    """Choose and wait until it is kept."""
    with page.expect_response("**/settings/appearance/"):
        page.get_by_role("group", name=group).get_by_role("radio", name=choice).check()


def test_a_theme_applies_at_once_and_on_another_device(page: Page, arrive: Callable[..., Visitor]) -> None:
    sign_up(page, "themes@example.org")
    open_settings(page, "Appearance")

    choose(page, "Theme", "Dark")
    choose(page, "Contrast", "More")

    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    expect(root).to_have_attribute("data-contrast", "more")
    expect(page.get_by_role("button", name="Save")).to_be_hidden()
    page.goto("/")
    expect(root).to_have_attribute("data-theme", "dark")
    other = arrive().open()
    sign_in(other, "themes@example.org")
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")


def test_choices_made_quickly_leave_the_last(page: Page) -> None:
    open_settings(page, "Appearance")

    answers: list[Response] = []

    def saved(answer: Response) -> bool:
        if answer.request.method != "GET":  # the page may be asking for other things meanwhile
            answers.append(answer)
        return len(answers) == 4

    with page.expect_response(saved):
        for theme in ("Dark", "Light", "Dark", "Light"):
            page.get_by_role("group", name="Theme").get_by_role("radio", name=theme).check()
    page.reload()

    expect(page.get_by_role("radio", name="Light")).to_be_checked()
    expect(page.get_by_text("Saved.", exact=True)).to_have_count(0)  # what is seen at once needs no word


def test_the_account_menu_is_worked_by_keys(page: Page) -> None:
    sign_up(page, "keys@example.org")
    opener = page.get_by_role("button", name="Account: keys@example.org")
    page.evaluate("document.addEventListener('shortcuts', () => document.body.dataset.asked = 'yes')")

    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Settings")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Your feedback")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="Sign out")).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Keyboard shortcuts").click()

    expect(page.locator("body")).to_have_attribute("data-asked", "yes")
    expect(page.locator("#account-menu")).to_be_hidden()


def test_the_menu_is_reached_in_the_drawer_of_a_phone(arrive: Callable[..., Visitor]) -> None:
    page = arrive(**PHONE).open()
    page.get_by_role("button", name="Open conversations").tap()

    page.get_by_role("button", name="Settings and more").tap()
    page.get_by_role("link", name="Settings").tap()

    expect(page.get_by_role("heading", name="You are a guest")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_language_is_switched_for_pages_and_answers_of_the_server(page: Page) -> None:
    open_settings(page)

    page.get_by_role("button", name="简体中文").click()
    page.goto("/")

    expect(page.get_by_role("textbox", name="消息")).to_be_visible()
    page.goto("/accounts/login/")
    expect(page.get_by_role("heading", name="欢迎回来")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()


def test_all_of_it_works_without_javascript(arrive: Callable[..., Visitor]) -> None:
    page = arrive(java_script_enabled=False).open()

    page.get_by_role("button", name="Settings and more").click()
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("What you are called here").fill("Dora")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_role("link", name="Appearance").click()
    page.get_by_role("group", name="Theme").get_by_role("radio", name="Dark").check()
    page.get_by_role("button", name="Save").click()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("link", name="Privacy and data").click()
    page.get_by_role("button", name="Allow training on my conversations").click()
    expect(page.get_by_text("Allowed since")).to_be_visible()


def test_deleting_the_account_while_an_answer_is_written(page: Page) -> None:
    ask(page, "A private matter")
    sign_up(page, "leaves-for-good@example.org")
    page.get_by_role("textbox", name="Message", exact=True).fill("And another")
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url("**/c/**")
    open_settings(page, "Privacy and data")

    page.get_by_role("link", name="Delete your account…").click()
    expect(page.get_by_text("leaves-for-good@example.org")).to_be_visible()
    page.get_by_role("button", name="Delete my account").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_text("Everything of yours has been erased.")).to_be_visible()
    page.goto("/")
    expect(page.get_by_text("A private matter")).to_have_count(0)
