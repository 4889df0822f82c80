"""A visitor at the shop's pages, as the tests of the widget see them."""

from __future__ import annotations

import time

from playwright.sync_api import Frame, Locator, Page, expect

from tests.e2e.browsing import PATIENCE_MS


def until_ready(page: Page) -> Frame:
    """Wait until the widget has said that it may be opened."""
    page.wait_for_function("() => window.parleySaid?.includes('ready')")
    return chat(page)


def open_chat(page: Page) -> Frame:
    """Open it by the shop's own button; returns the chat."""
    page.get_by_role("button", name="Help").click()
    frame = until_ready(page)
    page.wait_for_function("() => window.parleySaid.at(-1) === 'open' || window.parleySaid.includes('open')")
    return frame


def chat(page: Page) -> Frame:
    """The frame, as soon as it is there."""
    give_up_at = time.monotonic() + PATIENCE_MS / 1000
    while not (found := [each for each in page.frames if "/widget/" in each.url]):
        assert time.monotonic() < give_up_at, "no frame of the widget was loaded"
        page.wait_for_timeout(50)
    return found[-1]


def press_launcher(page: Page) -> None:
    """Its place is all that a page knows of it: it stands in a closed shadow root."""
    size = page.viewport_size
    assert size
    page.mouse.click(size["width"] - 48, size["height"] - 48)


def box(frame: Frame) -> Locator:
    return frame.locator("#composer textarea")


def say(frame: Frame, text: str) -> None:
    box(frame).fill(text)
    frame.locator(".composer__send").click()


def told(frame: Frame, role: str = "assistant") -> Locator:
    return frame.locator(f"chat-message[data-role={role}]")


def ask(frame: Frame, text: str) -> Locator:
    """Send a message and wait for the whole answer; returns the answer."""
    before = told(frame).count()
    say(frame, text)
    expect(told(frame)).to_have_count(before + 1)
    expect(told(frame).last).to_have_attribute("data-state", "completed", timeout=PATIENCE_MS)
    return told(frame).last


def buy(page: Page) -> None:
    """The shop's own button works, wherever the chat is."""
    count = int(page.locator("output").inner_text())
    page.get_by_role("button", name="Buy").click(timeout=3_000)
    expect(page.locator("output")).to_have_text(str(count + 1))
