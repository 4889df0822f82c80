"""Keys do what the sheet says, can be given to other actions, follow the person, and can be switched off."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browsing import (
    LONG_QUESTION,
    Visitor,
    ask,
    composer,
    questions,
    replies,
    send,
    text_of,
    until_new_chat,
    until_state,
    until_words,
)

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def sheet(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Keyboard shortcuts")


def keys_of(page: Page, action: str) -> Locator:
    return sheet(page).get_by_role("listitem").filter(has_text=action).get_by_role("button")


def rebind(page: Page, action: str, keys: str) -> None:
    keys_of(page, action).click()
    expect(keys_of(page, action)).to_have_text("Press the new keys…")
    page.keyboard.press(keys)


def open_sheet(page: Page) -> None:
    page.keyboard.press("Control+/")
    expect(sheet(page)).to_be_visible()


def test_the_sheet_opens_by_keys_and_by_the_account_menu(page: Page) -> None:
    open_sheet(page)
    expect(keys_of(page, "New chat").locator("kbd")).to_have_text(["Ctrl", "Shift", "O"])
    page.keyboard.press("Escape")
    expect(sheet(page)).to_have_count(0)
    expect(composer(page)).to_be_focused()

    page.evaluate("document.dispatchEvent(new Event('shortcuts'))")

    expect(sheet(page)).to_be_visible()


def test_one_moves_between_conversations_and_begins_a_new_one(page: Page) -> None:
    ask(page, "The older")
    page.keyboard.press("Control+Shift+O")
    until_new_chat(page)
    ask(page, "The newer")

    page.keyboard.press("Alt+ArrowDown")

    expect(page.locator(".chat__title")).to_have_text("The older")
    expect(composer(page)).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(".chat__title")).to_have_text("The newer")


def test_a_conversation_is_deleted_with_a_way_back(page: Page) -> None:
    ask(page, "What is a tide?")
    link = page.get_by_role("navigation").get_by_role("link", name="What is a tide?")
    expect(link).to_be_visible()

    page.keyboard.press("Control+Shift+Backspace")

    until_new_chat(page)
    expect(link).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(link).to_be_visible()


def test_the_last_answer_and_the_last_code_are_copied(alice: Visitor, page: Page) -> None:
    alice.context.grant_permissions(["clipboard-read", "clipboard-write"])
    reply = text_of(ask(page, "What is a tide?"))

    page.keyboard.press("Control+Shift+C")

    expect(page.locator(".toast span")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == reply
    page.keyboard.press("Control+Shift+;")
    expect(page.locator(".toast span")).to_have_text("There is nothing to copy yet.")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("One:\n```python\nprint(1)\n```\nTwo:\n~~~\nprint(2)\n~~~\n", ["print(1)\n", "print(2)\n"]),
        ("````md\n```\ninside\n```\n````", ["```\ninside\n```\n"]),
        ("none `here`", []),
        ("```\nnever closed", []),
    ],
)
def test_code_is_what_stands_between_fences(page: Page, text: str, code: list[str]) -> None:
    assert page.evaluate("text => import('page_actions').then(({ codeIn }) => codeIn(text))", text) == code


def test_escape_stops_the_answer_and_shift_escape_leads_to_the_box(page: Page) -> None:
    send(page, LONG_QUESTION)
    until_words(replies(page).last, 2)
    page.locator("#scroll").focus()

    page.keyboard.press("Shift+Escape")
    expect(composer(page)).to_be_focused()
    page.keyboard.press("Escape")

    until_state(replies(page).last, "cancelled")


def test_the_conversations_are_hidden_and_stay_so(page: Page) -> None:
    navigation = page.get_by_role("navigation", name="Conversations")
    page.keyboard.press("Control+Shift+S")
    expect(navigation).to_be_hidden()

    with page.expect_response("**/me/preferences"):
        page.keyboard.press("Control+Shift+S")
    expect(navigation).to_be_visible()
    with page.expect_response("**/me/preferences"):
        page.keyboard.press("Control+Shift+S")
    page.reload()
    expect(navigation).to_be_hidden()
    page.get_by_role("button", name="Open conversations").click()
    expect(navigation).to_be_visible()


def test_new_keys_work_at_once_and_after_a_reload_and_the_old_ones_no_longer(page: Page) -> None:
    open_sheet(page)
    rebind(page, "New chat", "Control+Shift+Y")
    expect(keys_of(page, "New chat").locator("kbd")).to_have_text(["Ctrl", "Shift", "Y"])
    page.keyboard.press("Escape")
    expect(sheet(page)).to_have_count(0)
    ask(page, "What is a tide?")

    page.reload()
    expect(composer(page)).to_be_focused()
    page.keyboard.press("Control+Shift+O")
    page.wait_for_timeout(300)
    expect(questions(page)).to_have_count(1)
    page.keyboard.press("Control+Shift+Y")

    expect(questions(page)).to_have_count(0)
    open_sheet(page)
    sheet(page).get_by_role("button", name="Reset all").click()
    expect(keys_of(page, "New chat").locator("kbd")).to_have_text(["Ctrl", "Shift", "O"])


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ("Control+K", "These keys belong to “Search”. Choose others."),
        ("Control+T", "Your browser uses these keys itself. Choose others."),
        ("x", "A key alone is for writing. Add Ctrl, ⌘ or Alt."),
    ],
)
def test_keys_that_cannot_be_had_are_refused_with_the_reason(page: Page, keys: str, why: str) -> None:
    open_sheet(page)

    rebind(page, "New chat", keys)

    expect(sheet(page).get_by_role("status")).to_have_text(why)
    expect(keys_of(page, "New chat")).to_have_text("Press the new keys…")
    page.keyboard.press("Escape")
    expect(keys_of(page, "New chat").locator("kbd")).to_have_text(["Ctrl", "Shift", "O"])
    expect(sheet(page)).to_be_visible()


def test_all_can_be_switched_off(page: Page) -> None:
    open_sheet(page)
    with page.expect_response("**/me/preferences"):
        sheet(page).get_by_role("switch").click()
    page.keyboard.press("Escape")
    expect(sheet(page)).to_have_count(0)

    page.reload()
    expect(composer(page)).to_be_focused()
    page.keyboard.press("Control+/")
    page.keyboard.press("Control+Shift+S")

    page.wait_for_timeout(300)
    expect(sheet(page)).to_have_count(0)
    expect(page.get_by_role("navigation", name="Conversations")).to_be_visible()
    page.evaluate("document.dispatchEvent(new Event('shortcuts'))")
    expect(sheet(page).get_by_role("switch")).not_to_be_checked()


def test_keys_belong_to_the_input_method_while_it_composes(page: Page) -> None:
    send(page, "What is a tide?")
    until_words(replies(page).last, 2)
    input_method = page.context.new_cdp_session(page)
    input_method.send("Input.imeSetComposition", {"text": "你好", "selectionStart": 2, "selectionEnd": 2})

    input_method.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "Escape", "windowsVirtualKeyCode": 27})

    input_method.send("Input.insertText", {"text": "你好"})
    until_state(replies(page).last, "completed")


@pytest.mark.parametrize(
    ("pressed", "names"),
    [
        ({"key": "O", "code": "KeyO", "ctrlKey": True, "shiftKey": True}, ["Mod+Shift+O"]),
        ({"key": ":", "code": "Semicolon", "ctrlKey": True, "shiftKey": True}, ["Mod+Shift+;", "Mod+:"]),
        ({"key": "/", "code": "Digit7", "ctrlKey": True, "shiftKey": True}, ["Mod+Shift+7", "Mod+/"]),  # German
        ({"key": "щ", "code": "KeyO", "ctrlKey": True, "shiftKey": True}, ["Mod+Shift+O"]),  # Russian
        ({"key": "r", "code": "KeyO", "ctrlKey": True}, ["Mod+R"]),  # Dvorak
        ({"key": "ArrowUp", "code": "ArrowUp", "altKey": True}, ["Alt+ArrowUp"]),
        ({"key": "Shift", "code": "ShiftLeft", "shiftKey": True}, []),
    ],
)
def test_keys_are_known_on_every_keyboard(page: Page, pressed: dict[str, object], names: list[str]) -> None:
    script = "init => import('shortcuts').then(({ namesOf }) => namesOf(new KeyboardEvent('keydown', init)))"
    found = page.evaluate(script, pressed)

    assert found[0:1] == names[0:1]
    assert set(names) <= set(found)


def test_on_a_mac_the_sheet_shows_its_signs(arrive: Callable[..., Visitor]) -> None:
    visitor = arrive()
    visitor.context.add_init_script("Object.defineProperty(navigator, 'platform', { get: () => 'MacIntel' })")
    page = visitor.open()

    page.keyboard.press("Meta+/")

    expect(keys_of(page, "New chat").locator("kbd")).to_have_text(["⌘", "⇧", "O"])
