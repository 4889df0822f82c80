"""The list of conversations: what is done to one there is done in every tab, and a deletion can be undone."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from uuid_utils.compat import uuid7

from tests.e2e.browsing import Visitor, ask, replies, until_new_chat
from tests.e2e.test_branches import press

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def entry(page: Page, title: str) -> Locator:
    return page.locator("#sidebar [data-conversation-id]").filter(has=page.get_by_role("link", name=title, exact=True))


def choose(page: Page, title: str, option: str) -> None:
    entry(page, title).hover()
    page.get_by_role("button", name=f"Options for “{title}”").click()
    page.locator("#conversation-menu").get_by_role("button", name=option, exact=True).click()


def test_conversations_stand_under_their_day(page: Page) -> None:
    ask(page, "What is a tide?")

    expect(page.locator(".sidebar__label")).to_have_text(["Today"])


def test_what_is_pressed_stays_until_it_is_let_go(alice: Visitor, page: Page) -> None:
    ask(page, "What is a tide?")
    other = alice.open(page.url)
    entry(page, "What is a tide?").hover()
    page.get_by_role("button", name="Options for “What is a tide?”").hover()

    page.mouse.down()
    choose(other, "What is a tide?", "Pin")
    expect(other.locator(".sidebar__label")).to_have_text(["Pinned"])
    page.wait_for_timeout(500)  # it has heard of it, too
    page.mouse.up()

    expect(page.locator("#conversation-menu").get_by_role("button", name="Unpin")).to_be_visible()
    expect(page.locator(".sidebar__label")).to_have_text(["Pinned"])


def test_a_new_title_is_seen_in_both_tabs(alice: Visitor, page: Page) -> None:
    ask(page, "What is a tide?")
    other = alice.open(page.url)

    choose(page, "What is a tide?", "Rename")
    page.get_by_role("textbox", name="Title").fill("Tides")
    page.keyboard.press("Enter")

    for tab in (page, other):
        expect(entry(tab, "Tides")).to_be_visible()
        expect(tab.locator(".chat__title")).to_have_text("Tides")


def test_escape_leaves_the_title_as_it_was(page: Page) -> None:
    ask(page, "What is a tide?")

    choose(page, "What is a tide?", "Rename")
    page.get_by_role("textbox", name="Title").fill("Something else")
    page.keyboard.press("Escape")

    expect(entry(page, "What is a tide?")).to_be_visible()


def test_a_title_is_written_though_the_list_was_drawn_anew_meanwhile(alice: Visitor, page: Page) -> None:
    ask(page, "What is a tide?")
    held: list[Route] = []
    page.route("**/title_form*", lambda route: held.append(route))
    choose(page, "What is a tide?", "Rename")

    choose(alice.open(page.url), "What is a tide?", "Pin")
    expect(page.locator(".sidebar__label")).to_have_text(["Pinned"])
    held[0].continue_()

    page.get_by_role("textbox", name="Title").fill("Tides")
    page.keyboard.press("Enter")
    expect(entry(page, "Tides")).to_be_visible()


def test_a_pinned_conversation_stands_first(page: Page) -> None:
    ask(page, "The first")
    page.goto("/")
    ask(page, "The second")

    choose(page, "The first", "Pin")

    expect(page.locator(".sidebar__label")).to_have_text(["Pinned", "Today"])
    expect(page.locator("#sidebar [data-conversation-id] a")).to_have_text(["The first", "The second"])
    choose(page, "The first", "Unpin")
    expect(page.locator(".sidebar__label")).to_have_text(["Today"])


def test_an_archived_conversation_is_found_in_the_archive(page: Page) -> None:
    ask(page, "What is a tide?")

    choose(page, "What is a tide?", "Archive")

    expect(entry(page, "What is a tide?")).to_have_count(0)
    page.get_by_role("button", name="Archived chats").click()
    choose(page, "What is a tide?", "Move out of the archive")
    page.get_by_role("button", name="Back to current chats").click()
    expect(entry(page, "What is a tide?")).to_be_visible()


def test_deleting_the_open_conversation_can_be_undone(page: Page) -> None:
    ask(page, "What is a tide?")
    address = page.url

    choose(page, "What is a tide?", "Delete")

    until_new_chat(page)
    expect(entry(page, "What is a tide?")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(entry(page, "What is a tide?")).to_be_visible()
    page.goto(address)
    expect(replies(page)).to_have_count(1)


def test_the_menu_is_worked_by_keys(page: Page) -> None:
    ask(page, "What is a tide?")
    options = page.get_by_role("button", name="Options for “What is a tide?”")

    options.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Rename")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page.locator(".sidebar__label")).to_have_text(["Pinned"])


def test_what_show_more_brought_stays_when_a_shorter_list_comes_late(alice: Visitor, page: Page) -> None:
    ask(page, "What is a tide?")
    other = alice.open(page.url)
    ids = [str(uuid7()) for _ in range(35)]
    late: list[Route] | None = None

    def tell(route: Route) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        answer = route.fetch(url=re.sub(r"&cursor=\w+", "", route.request.url))  # the server knows of one alone
        told = answer.json()
        first, last = (30, 35) if "cursor" in asked else (0, int(asked["limit"]))
        told["items"] = [{**told["items"][0], "id": each} for each in ids[first:last]]
        told["next_cursor"] = "more" if last < 35 else None
        route.fulfill(response=answer, json=told)

    def hold_what_is_asked_first(route: Route) -> None:
        if late is not None and "cursor" not in route.request.url and not late:
            late.append(route)
        else:
            tell(route)

    page.route(re.compile(r"/api/conversations\?.*folder=none"), hold_what_is_asked_first)
    press(replies(other).last, "Good answer")
    shown, more = page.locator("#sidebar [data-conversation-id]"), page.get_by_role("button", name="Show more")
    expect(shown).to_have_count(30)
    late = []
    press(replies(other).last, "Good answer")
    while not late:
        page.wait_for_timeout(20)

    more.click()
    expect(shown).to_have_count(35)
    with page.expect_response(re.compile("limit=30")):
        tell(late[0])
    page.wait_for_timeout(200)  # nothing is to happen

    expect(shown).to_have_count(35)
