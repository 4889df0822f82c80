"""The shop, its site in the product, and people who come to it: fixtures of the tests of the widget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.hosts.server import Host
from tests.e2e.shop_site import ShopSite, shop_site
from tests.e2e.widget_visitors import ShopVisitor
from tests.product import Product


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
    visitors: list[ShopVisitor] = []

    def arrive(**options: Any) -> ShopVisitor:
        visitors.append(ShopVisitor(browser, host.url, product.url, **options))
        return visitors[-1]

    yield arrive
    problems = [problem for visitor in visitors for problem in visitor.problems]
    for visitor in visitors:
        visitor.context.close()
    assert problems == [], problems
