"""A visitor at the shop's pages, as the tests of the widget see them."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Frame, Page, expect

from tests.e2e.browsing import PATIENCE_MS, Visitor

# The launcher stands in a closed shadow root, which no selector enters; the frame is reached by its address.
OUTAGE = re.compile(r"net::ERR_|Failed to load resource|WebSocket connection")


def open_chat(page: Page) -> Frame:
    """Open it as the shop's own button does; returns the chat."""
    page.get_by_role("button", name="Help").click()
    frame = chat(page)
    expect(frame.get_by_role("button", name="Close the chat")).to_be_in_viewport()
    return frame


def chat(page: Page) -> Frame:
    """The frame, as soon as it is there."""
    page.wait_for_function("() => document.querySelector('parley-widget')")
    give_up_at = time.monotonic() + PATIENCE_MS / 1000
    while not (found := [each for each in page.frames if "/widget/" in each.url]):
        assert time.monotonic() < give_up_at, "no frame of the widget was loaded"
        page.wait_for_timeout(50)
    return found[-1]


def press_launcher(page: Page) -> None:
    """Its place is all that the page knows of it."""
    size = page.viewport_size
    assert size
    page.mouse.click(size["width"] - 48, size["height"] - 48)


def only_outages(visitor: Visitor) -> None:
    """Take away what a browser says by itself of a server that is not there."""
    visitor.problems[:] = [problem for problem in visitor.problems if not OUTAGE.search(problem)]
