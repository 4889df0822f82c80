"""A person at a real browser: what they do and see, and everything their browser complained about."""

from __future__ import annotations

import io
import re
import shutil
import time
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Playwright, Request, TimeoutError, expect

PATIENCE_MS = 20_000
QUIET_S = 0.5
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
# What a browser says by itself of a server that does not answer, or stops in the middle of an answer.
OUTAGE = re.compile(r"net::ERR_|WebSocket connection to")
REFUSAL = re.compile(r"responded with a status of 4\d\d")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


def launch(playwright: Playwright) -> Browser:
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    assert program, "no Chromium was found; `make browser` installs one"
    return playwright.chromium.launch(executable_path=program, args=ARGUMENTS)


class Visitor:
    """One browser profile. `options` are those of Playwright's new_context."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.problems: list[str] = []
        self.context = browser.new_context(base_url=url, **{"locale": "en-US", **options})
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.problems.append(f"uncaught: {error.error}"))
        self.context.on("request", self._watch)
        self._under_way: set[Request] = set()
        self._quiet_since = time.monotonic()
        for ending in ("requestfinished", "requestfailed"):
            self.context.on(ending, self._end)

    def open(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.goto(path)
        return page

    def until_quiet(self) -> None:
        """Wait until no page has asked for anything for half a second; of networkidle that is true only once."""
        give_up_at = time.monotonic() + PATIENCE_MS / 1000
        while self._under_way or time.monotonic() - self._quiet_since < QUIET_S:
            assert time.monotonic() < give_up_at, f"still under way: {[each.url for each in self._under_way]}"
            self.context.pages[0].wait_for_timeout(50)

    def forgive(self, sign: re.Pattern[str]) -> None:
        """Forget what the browser itself told of an OUTAGE or a REFUSAL; what a page did wrong stays."""
        self.problems[:] = [problem for problem in self.problems if not sign.search(problem)]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _watch(self, request: Request) -> None:
        self._under_way.add(request)
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != urlsplit(self.url).netloc:
            self.problems.append(f"left the origin: {request.url}")

    def _end(self, request: Request) -> None:
        self._under_way.discard(request)
        self._quiet_since = time.monotonic()


# The scripted engine takes 20 s for it: whoever stops the answer need not hurry.
LONG_QUESTION = "What is a tide, in 400 words?"


def composer(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message", exact=True)


def send(page: Page, text: str) -> None:
    """Write and press Enter; on a phone, where Enter begins a line, touch the button."""
    composer(page).fill(text)
    button = page.get_by_role("button", name="Send", exact=True)
    expect(button).to_be_enabled()
    if page.evaluate("matchMedia('(pointer: coarse)').matches"):
        button.tap()
    else:
        composer(page).press("Enter")


def until_new_chat(page: Page) -> None:
    """Wait until a new chat has come in the place of what was open."""
    expect(page).to_have_url(re.compile(r":\d+/$"))


def questions(page: Page) -> Locator:
    return page.locator("chat-message[data-role=user]")


def replies(page: Page) -> Locator:
    return page.locator("chat-message[data-role=assistant]")


# A person's message stands there as it was written; of a reply the element keeps what its Markdown was.
_TEXT = "element => element.dataset.role === 'user' ? element.querySelector('.message-text').textContent : element.text"


def text_of(message: Locator) -> str:
    return str(message.evaluate(_TEXT) or "")


def until_words(message: Locator, words: int) -> str:
    """Wait until so many words of a reply are shown; returns what is shown."""
    message.page.wait_for_function(
        f"([element, words]) => ({_TEXT})(element)?.split(' ').length > words", arg=[message.element_handle(), words]
    )
    return text_of(message)


def expect_text(message: Locator, text: str) -> None:
    """The message says exactly this, to the last space and line end."""
    try:
        message.page.wait_for_function(
            f"([element, text]) => ({_TEXT})(element) === text", arg=[message.element_handle(), text], timeout=5_000
        )
    except TimeoutError:
        assert text_of(message) == text


def until_state(message: Locator, state: str, patience_ms: int = PATIENCE_MS) -> None:
    expect(message).to_have_attribute("data-state", state, timeout=patience_ms)


def ask(page: Page, text: str) -> Locator:
    """Send a message and wait for the whole answer; returns the answer."""
    before = replies(page).count()
    send(page, text)
    expect(replies(page)).to_have_count(before + 1)
    until_state(replies(page).last, "completed")
    return replies(page).last


def png() -> bytes:
    """A small picture."""
    kept = io.BytesIO()
    Image.new("RGB", (120, 80), "#2a6f97").save(kept, "PNG")
    return kept.getvalue()
