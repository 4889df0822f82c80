"""`python -m tests.e2e.screenshots`: pictures of the page for the documentation, taken from the started product.

They show answers of the real model, as it gives them; it is prepared first if it is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from inference.serving.prepare import prepare
from tests.e2e.browsing import PHONE, Visitor, launch, replies, until_state
from tests.product import ROOT, Product

FOLDER = ROOT / "docs" / "screenshots"
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
CONVERSATION = ("What is the capital of France?", "What are three sights there? Answer in one sentence.")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        Product(script=None, MODEL=prepare("bundled", ROOT / "data" / "models")) as product,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        for name, take in PICTURES.items():
            print(f"{name}.png")
            take(browser, product.url, FOLDER / f"{name}.png")
        browser.close()


def _light(browser: Browser, url: str, file: Path) -> None:
    _conversation(Visitor(browser, url, color_scheme="light", **DESKTOP).open(), CONVERSATION, file)


def _dark(browser: Browser, url: str, file: Path) -> None:
    _conversation(Visitor(browser, url, color_scheme="dark", **DESKTOP).open(), CONVERSATION, file)


def _phone(browser: Browser, url: str, file: Path) -> None:
    _conversation(Visitor(browser, url, color_scheme="light", **PHONE).open(), CONVERSATION[:1], file)


def _chinese(browser: Browser, url: str, file: Path) -> None:
    _conversation(Visitor(browser, url, locale="zh-CN", **DESKTOP).open(), CONVERSATION[:1], file)


def _sign_up(browser: Browser, url: str, file: Path) -> None:
    visitor = Visitor(browser, url, **DESKTOP)
    visitor.open()
    visitor.open("/accounts/signup/").screenshot(path=file)


def _conversation(page: Page, texts: tuple[str, ...], file: Path) -> None:
    for number, text in enumerate(texts, 1):
        page.locator("textarea[name=text]").fill(text)
        page.locator(".composer__send").click()
        expect(replies(page)).to_have_count(number)
        until_state(replies(page).last, "completed", patience_ms=120_000)
    page.screenshot(path=file)
    page.context.close()


PICTURES: dict[str, Callable[[Browser, str, Path], None]] = {
    "light": _light,
    "dark": _dark,
    "phone": _phone,
    "chinese": _chinese,
    "sign-up": _sign_up,
}

if __name__ == "__main__":
    main()
