"""Who comes to the shop in the tests of the widget, and what their browsers complained about."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Request

from tests.e2e.browsing import Visitor


class ShopVisitor(Visitor):
    """Leaves the shop only for the chat."""

    def __init__(self, browser: Browser, url: str, product_url: str, **options: Any) -> None:
        self.product_url = product_url
        super().__init__(browser, url, **options)

    def _watch(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.product_url).netloc:
            super()._watch(request)
