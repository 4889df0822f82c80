"""A visitor at the shop's pages, as the tests of the widget see them."""

from __future__ import annotations

import re

from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.e2e.browsing import Visitor

# The launcher stands in a closed shadow root, which no selector enters; the frame is reached by its address.
OUTAGE = re.compile(r"net::ERR_|Failed to load resource|WebSocket connection")


def until_ready(page: Page) -> None:
    """Wait until the widget may be opened."""
    page.wait_for_function("() => typeof window.Parley?.boot === 'function'")
    page.evaluate(
        """() => new Promise((done) => {
            if (window.isParleyReady) return done();
            Parley.on('ready', () => done());
            setTimeout(done, 8000);
        })"""
    )


def open_chat(page: Page) -> FrameLocator:
    """Open it as the shop's own button does; returns the chat."""
    page.evaluate("(window.Parley ??= []).push(['open'])")
    frame = chat(page)
    expect(frame.get_by_role("textbox", name="Message")).to_be_visible()
    return frame


def chat(page: Page) -> Locator | FrameLocator:
    page.wait_for_function("() => [...document.querySelectorAll('parley-widget')].length === 1")
    frame = next(each for each in page.frames if "/widget/" in each.url)
    return frame.page.frames and frame  # type: ignore[return-value]


def only_outages(visitor: Visitor) -> None:
    """Take away what a browser says by itself of a server that is not there."""
    visitor.problems[:] = [problem for problem in visitor.problems if not OUTAGE.search(problem)]
