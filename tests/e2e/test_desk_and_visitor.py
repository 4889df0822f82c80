"""Whoever has a conversation open at the desk sees that its visitor is writing, before there is anything to read."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import Visitor
from tests.e2e.desk_rows import Desk
from tests.e2e.test_inbox import DORA, at_desk
from tests.e2e.widget import ask, box, open_chat, say
from tests.e2e.widget_visitors import ShopVisitor
from tests.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_an_agent_sees_that_the_visitor_writes_and_no_longer(
    come: Callable[..., ShopVisitor],
    browser: Browser,
    product: Product,
) -> None:
    frame = open_chat(come().open())
    ask(frame, "Do you have spades?")
    [[newest]] = product.rows("SELECT conversation_id FROM assistant_case ORDER BY created_at DESC LIMIT 1")
    id_ = UUID(str(newest))
    with Desk(product) as desk:
        desk.agent(DORA)
    agent = Visitor(browser, product.url)
    page = at_desk(agent, path="/desk/?status=assistant")
    page.locator(f"[data-case-id='{id_}'] .case__link").click()
    writes = page.get_by_text("The visitor is writing…")
    expect(page.locator(f"#case[data-case-id='{id_}']")).to_be_attached()
    expect(writes).to_have_count(0)

    box(frame).press_sequentially("Or ra")

    expect(writes).to_be_visible()
    say(frame, "Or rakes?")
    expect(writes).to_have_count(0)
    agent.context.close()
    assert agent.problems == []
