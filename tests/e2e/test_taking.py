"""Conversations go places: shown to others, taken along, brought in, gone on from, or kept nowhere."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.assistant.chatgpt_files import conversation, file_of, node
from tests.e2e.browsing import (
    PHONE,
    REFUSAL,
    Visitor,
    ask,
    composer,
    expect_text,
    questions,
    replies,
    send,
    text_of,
    until_words,
)

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def head(page: Page, name: str) -> Locator:
    return page.locator(".chat__head").get_by_role("button", name=name, exact=True)


def title(page: Page) -> Locator:
    return page.locator(".chat__title")


def listed(page: Page) -> Locator:
    return page.locator("#sidebar [data-conversation-id] a")


def shared(page: Page) -> str:
    """Make a link for the open conversation; returns its address."""
    head(page, "Share").click()
    page.get_by_role("button", name="Create a link").click()
    expect(page.get_by_label("Link", exact=True)).not_to_be_empty()
    return page.get_by_label("Link", exact=True).input_value()


# The menu in the head


def test_the_head_has_the_menu_of_the_open_conversation(page: Page) -> None:
    expect(head(page, "Conversation options")).to_be_hidden()
    ask(page, "What is a tide?")

    head(page, "Conversation options").click()
    page.locator("#conversation-menu").get_by_role("button", name="Pin", exact=True).click()
    expect(page.locator(".sidebar__label")).to_have_text(["Pinned"])

    head(page, "Conversation options").click()
    expect(page.locator("#conversation-menu").get_by_role("button", name="Unpin")).to_be_visible()
    page.locator("#conversation-menu").get_by_role("button", name="Rename").click()
    title(page).get_by_role("textbox", name="Title").fill("Tides")
    page.keyboard.press("Enter")

    expect(title(page)).to_have_text("Tides")
    expect(listed(page)).to_have_text(["Tides"])


def test_a_title_is_written_on_while_an_answer_comes(page: Page) -> None:
    send(page, "What is a tide?")
    until_words(replies(page).last, 3)

    head(page, "Conversation options").click()
    page.locator("#conversation-menu").get_by_role("button", name="Rename").click()
    box = title(page).get_by_role("textbox", name="Title")
    box.fill("Tides")
    expect(replies(page).last).to_have_attribute("data-state", "completed")
    page.keyboard.press("Escape")

    expect(title(page)).to_have_text("What is a tide?")


# Sharing


def test_a_link_is_read_in_another_browser_until_it_is_taken_back(page: Page, arrive: Callable[..., Visitor]) -> None:
    reply = text_of(ask(page, "What is a tide?"))
    address = shared(page)
    stranger = arrive().open(address)

    expect(stranger.get_by_role("heading", name="What is a tide?")).to_be_visible()
    expect_text(replies(stranger), reply)
    page.keyboard.press("Escape")
    ask(page, "And why?")
    stranger.reload()
    expect(questions(stranger)).to_have_count(1)

    head(page, "Share").click()
    page.get_by_role("button", name="Update the link").click()
    expect(page.locator("dialog [data-part=status]")).to_have_text("The link shows the conversation as it is now.")
    assert page.get_by_label("Link", exact=True).input_value() == address
    stranger.reload()
    expect(questions(stranger)).to_have_count(2)

    page.get_by_role("button", name="Stop sharing").click()
    expect(page.get_by_role("button", name="Create a link")).to_be_focused()
    gone = stranger.request.get(address)
    assert gone.status == 404


def test_a_shared_page_is_read_without_javascript(page: Page, arrive: Callable[..., Visitor]) -> None:
    reply = text_of(ask(page, "What is a tide?"))

    plain = arrive(java_script_enabled=False).open(shared(page))

    expect(replies(plain)).to_contain_text(reply)


def test_a_stranger_goes_on_from_a_link(page: Page, arrive: Callable[..., Visitor]) -> None:
    ask(page, "What is a tide?")
    stranger = arrive(**PHONE).open(shared(page))

    stranger.get_by_role("button", name="Continue as a copy").click()

    expect(title(stranger)).to_have_text("↳ What is a tide?")
    ask(stranger, "And why?")
    expect(questions(stranger)).to_have_count(2)
    page.reload()
    expect(questions(page)).to_have_count(1)


def test_for_members_a_stranger_must_sign_in(page: Page, arrive: Callable[..., Visitor]) -> None:
    ask(page, "What is a tide?")
    address = shared(page)
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.get_by_label("Signed-in people here").check()

    visitor = arrive()
    stranger = visitor.open(address)
    stranger.get_by_role("link", name="Create an account").click()
    stranger.get_by_label("Email").fill("dora@example.org")
    stranger.get_by_label("Password").fill("quiet-Harbour-42")
    stranger.get_by_role("button", name="Sign up").click()

    expect(stranger.get_by_role("heading", name="What is a tide?")).to_be_visible()


def test_all_links_are_listed_and_taken_back_there(page: Page) -> None:
    ask(page, "The first")
    shared(page)
    page.goto("/")
    ask(page, "The second")
    shared(page)

    page.get_by_role("link", name="All shared links").click()
    expect(page.locator(".links__title")).to_have_text(["The second", "The first"])
    page.get_by_role("button", name="Stop sharing: The second").click()

    expect(page.locator(".links__title")).to_have_text(["The first"])
    expect(page.get_by_role("button", name="Stop sharing: The first")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("You share nothing at the moment.")).to_be_visible()


# Export and import


def test_a_conversation_is_downloaded_in_two_forms(page: Page, tmp_path: Path) -> None:
    reply = text_of(ask(page, "What is a tide?"))

    for form in ("Markdown", "JSON"):
        head(page, "Conversation options").click()
        page.locator("#conversation-menu").get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            page.get_by_role("link", name=form).click()
        download.value.save_as(tmp_path / form)
        assert download.value.suggested_filename.endswith(("What is a tide.md", "What is a tide.json"))

    assert (tmp_path / "Markdown").read_text().startswith("# What is a tide?")
    document = json.loads((tmp_path / "JSON").read_text())
    assert [message["text"] for message in document["messages"]] == ["What is a tide?", reply]


def test_everything_is_downloaded_and_imported_elsewhere(
    page: Page, arrive: Callable[..., Visitor], tmp_path: Path
) -> None:
    reply = text_of(ask(page, "What is a tide?"))
    with page.expect_download() as download:
        page.evaluate("location.assign('/data/export.zip')")
    download.value.save_as(tmp_path / "all.zip")
    assert zipfile.ZipFile(tmp_path / "all.zip").testzip() is None

    elsewhere = arrive().open("/data/import/")
    take(elsewhere, tmp_path / "all.zip")
    expect(elsewhere.locator("#status")).to_have_text("Imported conversations: 1")

    elsewhere.goto("/")
    listed(elsewhere).first.click()
    expect_text(replies(elsewhere), reply)
    ask(elsewhere, "And why?")


def take(page: Page, file: Path) -> None:
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Import").click()


def test_an_export_of_chatgpt_is_imported_once(alice: Visitor, tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    file.write_bytes(
        file_of(
            conversation(
                node("s", None, "system", ""),
                node("q", "s", "user", "What is a tide?"),
                node("a", "q", "assistant", "The <b>sea</b> rises."),
                title="From elsewhere",
            ),
            {"title": "Broken <i>", "mapping": 7},
        ).getvalue()
    )
    page = alice.open("/data/import/")

    take(page, file)
    expect(page.locator("#report li")).to_have_text(
        [
            "Messages left out because they were never shown (of the system, of tools): 1",
            "Conversations that could not be read: 1",
            "Broken <i>: Something in it is not what it should be: mapping.",
        ]
    )
    take(page, file)
    expect(page.locator("#report li").first).to_contain_text("Already here, so not imported again: 1")

    page.goto("/")
    listed(page).first.click()
    expect(title(page)).to_have_text("From elsewhere")
    expect_text(replies(page), "The <b>sea</b> rises.")


def test_a_file_that_cannot_be_read_says_why(alice: Visitor, tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text("<html>")
    page = alice.open("/data/import/")

    take(page, tmp_path / "page.json")

    expect(page.get_by_role("alert")).to_contain_text("This file is not JSON")
    alice.forgive(REFUSAL)


# Fork


def test_a_fork_goes_on_by_itself(page: Page) -> None:
    ask(page, "What is a tide?")
    ask(page, "And why?")
    first = page.url

    replies(page).first.hover()
    replies(page).first.get_by_role("button", name="Go on in a new chat").click()
    page.get_by_role("button", name="New chat up to here").press("Enter")

    expect(title(page)).to_have_text("↳ What is a tide?")
    assert page.url != first
    expect(questions(page)).to_have_count(1)
    replies(page).first.get_by_role("button", name="Regenerate").click()
    expect(page.locator("branch-picker [data-part=position]:visible")).to_have_text("2/2")
    expect(replies(page).last).to_have_attribute("data-state", "completed")
    ask(page, "Something else")
    page.goto(first)
    expect(questions(page)).to_have_count(2)


def test_a_fork_at_a_question_waits_for_its_answer(page: Page) -> None:
    ask(page, "What is a tide?")

    questions(page).first.hover()
    questions(page).first.get_by_role("button", name="Go on in a new chat").click()
    page.get_by_role("button", name="New chat up to here").click()

    expect(page.get_by_text("There is no answer here. Regenerate to get one.")).to_be_visible()
    replies(page).first.get_by_role("button", name="Regenerate").click()
    expect(replies(page).last).to_have_attribute("data-state", "completed")


# Temporary chats


def begin_temporary(page: Page) -> None:
    head(page, "Temporary chat").click()
    expect(head(page, "Temporary chat")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".welcome__temporary")).to_be_visible()


def test_a_temporary_chat_outlives_a_reload_and_ends_for_good(page: Page) -> None:
    begin_temporary(page)
    ask(page, "A secret")
    address = page.url

    expect(title(page)).to_have_text("Temporary chat")
    expect(listed(page)).to_have_count(0)
    expect(head(page, "Share")).to_be_hidden()
    expect(replies(page).first.get_by_role("button", name="Go on in a new chat")).to_be_hidden()
    page.reload()
    expect_text(questions(page), "A secret")
    head(page, "End temporary chat").click()

    expect(page.locator(".welcome")).to_be_visible()
    expect(title(page)).to_have_text("New chat")
    assert page.request.get(address).status == 404


def test_opening_another_chat_erases_the_temporary_one(page: Page) -> None:
    ask(page, "To keep")
    page.goto("/")
    begin_temporary(page)
    send(page, "A secret")
    until_words(replies(page).last, 3)  # also while it is being answered
    address = page.url

    with page.expect_response(lambda answer: answer.request.method == "DELETE") as erased:
        listed(page).first.click()

    assert erased.value.status == 204
    expect(title(page)).to_have_text("To keep")
    assert page.request.get(address).status == 404


def test_a_choice_for_a_temporary_chat_can_be_taken_back(page: Page) -> None:
    begin_temporary(page)
    head(page, "Temporary chat").click()
    expect(page.locator(".welcome__temporary")).to_be_hidden()

    ask(page, "To keep")

    expect(listed(page)).to_have_text(["To keep"])
    expect(composer(page)).to_be_focused()
