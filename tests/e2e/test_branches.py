"""Another answer, an edited question, a thumb: nothing that was there is lost."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from inference.serving.scripted import scripted_text
from tests.e2e.browsing import ask, expect_text, questions, replies, until_state
from tests.e2e.conftest import TOKENS

pytestmark = pytest.mark.e2e


def message_id(message: Locator) -> str:
    return message.get_attribute("data-message-id") or ""


def press(message: Locator, name: str) -> None:
    message.hover()
    message.get_by_role("button", name=name, exact=True).click()


def test_regenerating_makes_a_second_version_and_keeps_the_first(page: Page) -> None:
    first = message_id(ask(page, "What is a tide?"))

    press(replies(page).last, "Regenerate")

    picker = replies(page).last.locator("branch-picker")
    expect(picker).to_contain_text("2/2")
    expect(replies(page)).to_have_count(1)
    until_state(replies(page).last, "completed")
    second = message_id(replies(page).last)
    assert second != first
    press(replies(page).last, "Previous version")
    expect(picker).to_contain_text("1/2")
    expect(replies(page).last).to_have_attribute("data-message-id", first)
    expect_text(replies(page).last, scripted_text("What is a tide?", TOKENS))
    page.reload()
    expect(picker).to_contain_text("1/2")
    press(replies(page).last, "Next version")
    expect(replies(page).last).to_have_attribute("data-message-id", second)


def test_an_edited_question_begins_a_branch(page: Page) -> None:
    ask(page, "What is a tide?")
    ask(page, "And an ebb?")

    press(questions(page).last, "Edit")
    editor = page.get_by_role("textbox", name="Edit message")
    expect(editor).to_have_value("And an ebb?")
    editor.fill("And a flood?")
    page.get_by_role("button", name="Update and rerun").click()

    picker = questions(page).last.locator("branch-picker")
    expect(picker).to_contain_text("2/2")
    expect(questions(page)).to_have_count(2)
    expect(replies(page)).to_have_count(2)
    until_state(replies(page).last, "completed")
    expect_text(questions(page).last, "And a flood?")
    expect_text(replies(page).last, scripted_text("And a flood?", TOKENS))
    press(questions(page).last, "Previous version")
    expect(questions(page).last.locator(".message-text")).to_have_text("And an ebb?")
    expect_text(replies(page).last, scripted_text("And an ebb?", TOKENS))


def test_the_first_question_can_be_edited_too(page: Page) -> None:
    ask(page, "What is a tide?")

    press(questions(page).last, "Edit")
    page.get_by_role("textbox", name="Edit message").fill("What is a wave?")
    page.get_by_role("button", name="Update and rerun").click()

    expect(questions(page).last.locator("branch-picker")).to_contain_text("2/2")
    until_state(replies(page).last, "completed")
    expect_text(replies(page).last, scripted_text("What is a wave?", TOKENS))
    expect(page.get_by_role("navigation").locator("[data-conversation-id]")).to_have_count(1)


def test_a_cancelled_edit_changes_nothing(page: Page) -> None:
    ask(page, "What is a tide?")

    press(questions(page).last, "Edit")
    page.get_by_role("textbox", name="Edit message").fill("Something else")
    page.get_by_role("button", name="Cancel").click()

    expect_text(questions(page).last, "What is a tide?")
    expect(questions(page).last.locator("branch-picker")).to_be_hidden()


def test_thumbs_survive_a_reload_and_can_be_taken_back(page: Page) -> None:
    ask(page, "What is a tide?")
    good = replies(page).last.get_by_role("button", name="Good answer")
    bad = replies(page).last.get_by_role("button", name="Bad answer")

    press(replies(page).last, "Good answer")
    expect(good).to_have_attribute("aria-pressed", "true")
    with page.expect_response(lambda answer: answer.url.endswith("/feedback") and answer.ok):
        press(replies(page).last, "Bad answer")
    expect(good).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(bad).to_have_attribute("aria-pressed", "true")
    with page.expect_response(lambda answer: answer.url.endswith("/feedback") and answer.ok):
        press(replies(page).last, "Bad answer")
    page.reload()
    expect(bad).to_have_attribute("aria-pressed", "false")
