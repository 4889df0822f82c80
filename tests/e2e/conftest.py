from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.browsing import Visitor, launch
from tests.e2e.widget_fixtures import come, host, site  # noqa: F401 - for all tests of the widget
from tests.product import Product

TOKENS = 60


# Ended with this folder's tests: while Playwright runs, its event loop stands in the way of asynchronous tests.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def product() -> Iterator[Product]:
    """The started product, answering 20 tokens a second."""
    with Product(f"tokens_per_second=20&tokens={TOKENS}") as started:
        yield started


@pytest.fixture
def arrive(browser: Browser, product: Product) -> Iterator[Callable[..., Visitor]]:
    """Somebody comes with a browser of their own. At the end no browser may have complained or left the origin."""
    visitors: list[Visitor] = []

    def enter(**options: Any) -> Visitor:
        visitors.append(Visitor(browser, product.url, **options))
        return visitors[-1]

    yield enter
    problems = [problem for visitor in visitors for problem in visitor.problems]
    for visitor in visitors:
        visitor.context.close()
    assert problems == []


@pytest.fixture
def alice(arrive: Callable[..., Visitor]) -> Visitor:
    return arrive()


@pytest.fixture
def page(alice: Visitor) -> Page:
    """Alice, a guest, at a new chat."""
    return alice.open()
