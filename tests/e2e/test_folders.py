"""Folders stand above the days; conversations go into them and come out again, in every tab."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browsing import Visitor, ask
from tests.e2e.test_sidebar import choose, entry

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def folder(page: Page, name: str) -> Locator:
    return page.locator("#sidebar .folder").filter(has=page.locator("summary", has_text=name))


def move_to_new_folder(page: Page, title: str, name: str) -> None:
    choose(page, title, "Move to folder")
    page.get_by_role("textbox", name="New folder").fill(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)


def choose_for_folder(page: Page, name: str, option: str) -> None:
    folder(page, name).locator("summary").hover()
    page.get_by_role("button", name=f"Options for “{name}”").click()
    page.locator("#folder-menu").get_by_role("button", name=option, exact=True).click()


def test_a_conversation_goes_into_a_folder_and_out_again(alice: Visitor, page: Page) -> None:
    ask(page, "What is a tide?")
    other = alice.open()

    move_to_new_folder(page, "What is a tide?", "Sea")

    expect(folder(page, "Sea").get_by_role("link", name="What is a tide?")).to_be_visible()
    expect(page.locator(".sidebar__label")).to_have_count(0)  # it stands in no day
    expect(folder(other, "Sea")).to_be_visible()
    folder(page, "Sea").get_by_role("link", name="What is a tide?").hover()
    choose(page, "What is a tide?", "Move to folder")
    page.get_by_role("button", name="No folder").click()
    expect(page.locator(".sidebar__label")).to_have_text(["Today"])
    expect(folder(page, "Sea").locator("[data-conversation-id]")).to_have_count(0)


def test_a_folder_stays_open_or_closed(page: Page) -> None:
    ask(page, "What is a tide?")
    move_to_new_folder(page, "What is a tide?", "Sea")
    link = folder(page, "Sea").get_by_role("link", name="What is a tide?")

    page.reload()
    expect(link).to_be_visible()
    folder(page, "Sea").locator("summary").click()
    expect(link).to_be_hidden()
    page.reload()
    expect(folder(page, "Sea")).to_be_visible()
    expect(link).to_be_hidden()


def test_a_folder_is_renamed_and_deleted_and_its_conversations_stay(page: Page) -> None:
    ask(page, "What is a tide?")
    move_to_new_folder(page, "What is a tide?", "Sea")

    choose_for_folder(page, "Sea", "Rename")
    page.get_by_role("textbox", name="Name").fill("Ocean")
    page.keyboard.press("Enter")
    expect(folder(page, "Ocean")).to_be_visible()

    choose_for_folder(page, "Ocean", "Delete")
    expect(page.get_by_role("dialog", name="Delete the folder “Ocean”?")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(folder(page, "Ocean")).to_have_count(0)
    expect(entry(page, "What is a tide?")).to_be_visible()
    expect(page.locator(".sidebar__label")).to_have_text(["Today"])


def test_a_name_that_is_taken_is_said_in_the_dialog(alice: Visitor, page: Page) -> None:
    ask(page, "What is a tide?")
    move_to_new_folder(page, "What is a tide?", "Sea")

    choose(page, "What is a tide?", "Move to folder")
    page.get_by_role("textbox", name="New folder").fill("Sea")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert").filter(has_text="You already have a folder of this name")).to_be_visible()
    refused = [problem for problem in alice.problems if "409" in problem]  # the browser tells of every refusal
    assert len(refused) == 1
    alice.problems.remove(refused[0])
