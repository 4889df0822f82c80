"""A visitor at a shop's page talks to the assistant in the shop's corner: two sites, one browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Request, expect

from tests.e2e.browsing import Visitor, until_state, until_words
from tests.e2e.hosts.server import Host
from tests.e2e.shop_site import ShopSite, shop_site
from tests.e2e.widget import open_chat
from tests.product import Product

pytestmark = pytest.mark.e2e


class ShopVisitor(Visitor):
    """Leaves the shop only for the chat."""

    product_url = ""

    def _watch(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.product_url).netloc:
            super()._watch(request)


@pytest.fixture(scope="module")
def host(product: Product) -> Iterator[Host]:
    with Host(product.url) as shop:
        yield shop


@pytest.fixture(scope="module")
def site(product: Product, host: Host) -> ShopSite:
    made = shop_site(product, host.url, texts={"en": {"suggestions": ["Where is my order?"]}})
    host.site_id = made.id
    return made


@pytest.fixture
def come(browser: Browser, product: Product, host: Host, site: ShopSite) -> Iterator[Callable[..., ShopVisitor]]:
    """Somebody comes to the shop. At the end no browser may have complained or gone elsewhere."""
    ShopVisitor.product_url = product.url
    visitors: list[ShopVisitor] = []

    def arrive(**options: object) -> ShopVisitor:
        visitors.append(ShopVisitor(browser, host.url, **options))
        return visitors[-1]

    yield arrive
    problems = [problem for visitor in visitors for problem in visitor.problems]
    for visitor in visitors:
        visitor.context.close()
    assert problems == []


def test_a_visitor_asks_and_reads_the_answer_as_it_is_written(come: Callable[..., ShopVisitor]) -> None:
    page = come().open()
    frame = open_chat(page)

    frame.get_by_role("textbox", name="Message").fill("Do you have spades?")
    frame.get_by_role("textbox", name="Message").press("Enter")

    reply = frame.locator("chat-message[data-role=assistant]")
    expect(reply).to_have_count(1)
    until_words(reply, 3)
    until_state(reply, "completed")
    expect(reply.get_by_role("button", name="Good answer")).to_be_visible()
