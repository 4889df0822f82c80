"""Whatever is done in two tabs, in whatever order: the database, what both tabs show and the export agree."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from inference.serving.scripted import scripted_text
from tests.e2e.browsing import Visitor, questions, replies, send, until_new_chat, until_state
from tests.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TOKENS = 6
TAB = st.integers(0, 1)
PLACE = st.integers(0, 99)  # taken modulo the number of messages there are
TEXT = st.sampled_from(["What is a tide?", "And an ebb?", "你好吗？", "Why **not** <b>?"])


@dataclass(eq=False)
class Node:
    """A message that must be there; the root stands for the conversation's beginning."""

    role: str
    text: str
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)

    def ask(self, text: str) -> Node:
        """A question below this message, and its reply, which is returned."""
        return self.add("user", text).add("assistant", scripted_text(text, TOKENS))

    def add(self, role: str, text: str) -> Node:
        self.children.append(Node(role, text, self))
        return self.children[-1]

    def path(self) -> list[Node]:
        return [*self.parent.path(), self] if self.parent else []

    def siblings(self) -> list[Node]:
        return self.parent.children if self.parent else []

    def newest_leaf(self) -> Node:
        return self.children[-1].newest_leaf() if self.children else self

    def shape(self) -> list[Any]:
        return [self.role, self.text, [child.shape() for child in self.children]]


class TwoTabs(RuleBasedStateMachine):
    browser: ClassVar[Browser]
    product: ClassVar[Product]

    @initialize(text=TEXT)
    def begin(self, text: str) -> None:
        self.visitor = Visitor(self.browser, self.product.url)
        first = self.visitor.open()
        send(first, text)
        until_state(replies(first).last, "completed")
        self.root = Node("", "")
        self.shown = self.root.ask(text)
        self.address = urlsplit(first.url).path
        self.tabs = [first, self.visitor.open(self.address)]

    @rule(tab=TAB, text=TEXT)
    def ask(self, tab: int, text: str) -> None:
        send(self.tabs[tab], text)
        self.shown = self.shown.ask(text)

    @rule(tab=TAB, place=PLACE, text=TEXT)
    def edit_and_rerun(self, tab: int, place: int, text: str) -> None:
        question = self._edit(tab, place, text, "Update and rerun")
        assert question.parent
        self.shown = question.parent.ask(text)

    @rule(tab=TAB, place=PLACE, text=TEXT)
    def edit_and_save(self, tab: int, place: int, text: str) -> None:
        self._edit(tab, place, text, "Save").text = text

    @rule(tab=TAB, place=PLACE)
    def regenerate(self, tab: int, place: int) -> None:
        reply, element = self._pick(replies(self.tabs[tab]), place)
        press(element, "Regenerate")
        assert reply.parent
        self.shown = reply.parent.add("assistant", scripted_text(reply.parent.text, TOKENS))

    @rule(tab=TAB, place=PLACE, step=st.sampled_from([-1, 1]))
    def look_at_another_version(self, tab: int, place: int, step: int) -> None:
        message, element = self._pick(self.tabs[tab].locator("chat-message"), place)
        at = message.siblings().index(message) + step
        if 0 <= at < len(message.siblings()):
            press(element, "Next version" if step > 0 else "Previous version")
            self.shown = message.siblings()[at].newest_leaf()

    @rule(tab=TAB)
    def delete_and_undo(self, tab: int) -> None:
        page = self.tabs[tab]
        item = page.get_by_role("navigation", name="Conversations").locator("[data-conversation-id]").first
        item.hover()
        item.get_by_role("button").click()
        page.locator("#conversation-menu").get_by_role("button", name="Delete").click()
        until_new_chat(page)
        page.get_by_role("button", name="Undo").click()
        expect(item).to_be_visible()
        page.goto(self.address)

    @rule(tab=TAB)
    def reload(self, tab: int) -> None:
        self.tabs[tab].reload()

    @invariant()
    def both_tabs_show_the_branch(self) -> None:
        path = self.shown.path()
        places = [f"{node.siblings().index(node) + 1}/{len(node.siblings())}" for node in path]
        for page in self.tabs:
            until_equal(page, "chat-message", "each => each.text", [node.text for node in path])
            until_equal(page, "chat-message [data-part=position]", "each => each.textContent", places)
            until_equal(
                page,
                "chat-message[data-role=assistant]",
                "each => each.dataset.state",
                ["completed"] * (len(path) // 2),
            )

    @invariant()
    def the_database_and_the_export_hold_the_whole_tree(self) -> None:
        id_ = UUID(self.address.strip("/").rpartition("/")[2])
        rows = self.product.rows(
            "SELECT id, parent_id, role, text FROM assistant_message WHERE conversation_id = %s ORDER BY id", id_
        )
        exported = self.visitor.context.request.get(f"/c/{id_}/export.json").json()["messages"]

        assert shape_of(rows) == self.root.shape()
        assert (
            shape_of((each["id"], each["parent_id"], each["role"], each["text"]) for each in exported)
            == self.root.shape()
        )

    def teardown(self) -> None:
        if hasattr(self, "visitor"):
            self.visitor.context.close()

    def _pick(self, elements: Locator, place: int) -> tuple[Node, Locator]:
        """One of the messages shown: as it should be, and as it stands on the page."""
        at = place % elements.count()
        roles = set(elements.evaluate_all("all => all.map(each => each.dataset.role)"))
        return [node for node in self.shown.path() if node.role in roles][at], elements.nth(at)

    def _edit(self, tab: int, place: int, text: str, button: str) -> Node:
        question, element = self._pick(questions(self.tabs[tab]), place)
        press(element, "Edit")
        editor = element.get_by_role("textbox", name="Edit message")
        expect(editor).to_have_value(question.text)
        editor.fill(text)
        element.get_by_role("button", name=button, exact=True).click()
        return question


def press(message: Locator, name: str) -> None:
    message.hover()
    message.get_by_role("button", name=name, exact=True).click()


def until_equal(page: Page, selector: str, value: str, expected: list[str]) -> None:
    """Wait until the elements have these values; fails with both lists."""
    read = f"selector => [...document.querySelectorAll(selector)].map({value})"
    wait = f"([selector, expected]) => JSON.stringify(({read})(selector)) === expected"
    try:
        page.wait_for_function(wait, arg=[selector, json.dumps(expected, ensure_ascii=False, separators=(",", ":"))])
    except TimeoutError:
        assert page.evaluate(read, selector) == expected


def shape_of(rows: Iterable[tuple[Any, Any, str, str]]) -> list[Any]:
    below: dict[Any, list[tuple[Any, str, str]]] = defaultdict(list)
    for id_, parent_id, role, text in rows:
        below[parent_id].append((id_, role, text))

    def children(of: Any) -> list[Any]:
        return [[role, text, children(id_)] for id_, role, text in below[of]]

    return ["", "", children(None)]


def test_everything_agrees_whatever_is_done_in_two_tabs(browser: Browser) -> None:
    with Product(f"tokens_per_second=0&tokens={TOKENS}") as product:
        TwoTabs.browser, TwoTabs.product = browser, product
        run_state_machine_as_test(
            TwoTabs,
            settings=settings(
                max_examples=8,
                stateful_step_count=12,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
