"""`python -m tests.e2e.screenshots [--all FOLDER]`: pictures for the documentation, taken from the started product.

Answers are the real model's, as it gives them. What a small model would not write by itself (tables, code, formulas)
comes from a conversation that is imported, and is called an import on the page's own account. Pages of staff come from
an installation of their own (staff_screens.py); the widget stands on a shop's page (widget_screens.py). `--all` takes
every page in light, dark, high contrast, Chinese and at phone width, to be looked at by whoever changed one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from inference.serving.prepare import prepare
from tests.e2e.browsing import PHONE, Visitor, launch, questions, replies, until_state
from tests.e2e.desk_screens import DESK_PAGES, counter
from tests.e2e.hosts.server import Host
from tests.e2e.staff_screens import STAFF_PAGES, scene
from tests.e2e.widget_screens import WIDGET_PAGES, shop_of
from tests.e2e.widget_visitors import ShopVisitor
from tests.inference.conftest import make_tiny_model
from tests.product import ROOT, Product

DOCS = ROOT / "docs" / "screenshots"
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {**DESKTOP, "color_scheme": "light"},
    "dark": {**DESKTOP, "color_scheme": "dark"},
    "contrast": {**DESKTOP, "color_scheme": "light", "contrast": "more"},
    "phone": {**PHONE, "color_scheme": "light"},
    "chinese": {**DESKTOP, "color_scheme": "light", "locale": "zh-CN"},
    "chinese-phone-dark": {**PHONE, "color_scheme": "dark", "locale": "zh-CN"},
}
# What README and docs show: file name -> page and look.
SHOWN = {
    "light": ("conversation", "light"),
    "dark": ("rich", "dark"),
    "phone": ("conversation", "phone"),
    "chinese": ("rich", "chinese"),
    "search": ("search", "light"),
    "feedback": ("feedback", "light"),
    "compare": ("compare", "dark"),
    "settings": ("security", "light"),
    "sign-up": ("sign-up", "light"),
    "review": ("review", "light"),
    "evidence": ("evidence", "light"),
    "your-feedback": ("outcomes", "phone"),
    "widget-closed": ("widget-closed", "light"),
    "widget-open": ("widget-open", "light"),
    "widget-phone": ("widget-open", "phone"),
    "widget-dark": ("widget-open", "dark"),
    "widget-chinese": ("widget-open", "chinese"),
    "inbox": ("inbox", "light"),
    "inbox-phone": ("inbox", "chinese-phone-dark"),
    "site": ("site", "light"),
    "reports": ("reports", "light"),
}
PASSPHRASE = "a long pass phrase of four words"
IMPORTED = Path(__file__).with_name("imported.json")


def conversation(page: Page) -> None:
    ask(page, "What is the capital of France?")
    ask(page, "What are three sights there? Answer in one sentence.")


def rich(page: Page) -> None:
    page.goto(imported(page))
    expect(page.locator("math").first).to_be_attached()
    expect(page.locator("code-block .hljs-keyword").first).to_be_attached()


def search(page: Page) -> None:
    imported(page)
    page.goto("/")
    page.keyboard.press("Control+k")
    page.locator("dialog input").fill("tide")
    expect(page.locator("dialog mark").first).to_be_visible()


def feedback(page: Page) -> None:
    page.goto(imported(page))
    message = replies(page).last
    message.hover()
    message.locator("[data-rating=down]").click()
    message.locator("form").wait_for()
    message.locator("form").scroll_into_view_if_needed()


def new_key(page: Page) -> None:
    page.goto("/settings/api-keys/")
    page.locator("input[name=name]").fill("Notes to mail")
    page.locator("main .button--primary").click()
    page.locator("input[type=password]").fill(PASSPHRASE)
    page.locator("form:has(input[type=password]) [type=submit]").click()
    page.locator(".secret").wait_for()


def compare(page: Page) -> None:
    ask(page, "Why do people drink tea?")
    message = replies(page).last
    message.hover()
    message.locator("[data-action=compare]").click()
    dialog = page.locator("dialog.comparison")
    dialog.wait_for()
    if (more := dialog.locator("[data-action=ask]")).is_visible():
        more.click()
    until_state(dialog.locator("chat-message").nth(1), "completed", patience_ms=120_000)


def share(page: Page) -> None:
    page.goto(imported(page))
    page.locator(".chat__head [data-part=share]").click()
    page.locator("dialog").get_by_role("button").last.click()


def shared(page: Page) -> None:
    share(page)
    address = page.locator("dialog input[readonly]")
    expect(address).not_to_have_value("")
    page.goto(address.input_value())


def menu(page: Page) -> None:
    page.goto(imported(page))
    page.locator(".chat__head [data-part=options]").click()


def chat_settings(page: Page) -> None:
    menu(page)
    page.locator("#conversation-menu [data-action=settings]").click()
    page.locator("dialog").wait_for()


def shortcuts(page: Page) -> None:
    page.keyboard.press("Control+/")
    page.locator("dialog").wait_for()


def temporary(page: Page) -> None:
    page.locator(".chat__head [data-part=temporary]").click()


def edit(page: Page) -> None:
    page.goto(imported(page))
    message = questions(page).first
    message.hover()
    message.locator("[data-action=edit]").click()


def drawer(page: Page) -> None:
    page.goto(imported(page))
    if (opener := page.locator(".chat__menu")).is_visible():
        opener.click()
    page.locator("[popovertarget=account-menu]").first.click()


def at(path: str) -> Callable[[Page], None]:
    def take(page: Page) -> None:
        page.goto(path)

    return take


def as_member(then: Callable[[Page], None]) -> Callable[[Page], None]:
    def take(page: Page) -> None:
        page.goto("/accounts/signup/")
        page.locator("input[type=email]").fill(f"ada-{id(page)}@example.org")
        page.locator("input[type=password]").fill(PASSPHRASE)
        page.locator(".account__submit").click()
        page.wait_for_url("**/")
        then(page)

    return take


PAGES: dict[str, Callable[[Page], None]] = {
    "new": lambda page: None,
    "conversation": conversation,
    "rich": rich,
    "search": search,
    "feedback": feedback,
    "compare": compare,
    "share": share,
    "shared": shared,
    "menu": menu,
    "chat-settings": chat_settings,
    "shortcuts": shortcuts,
    "temporary": temporary,
    "edit": edit,
    "drawer": drawer,
    "import": at("/data/import/"),
    "profile": as_member(at("/settings/")),
    "appearance": at("/settings/appearance/"),
    "privacy": as_member(at("/settings/privacy/")),
    "security": as_member(at("/settings/security/")),
    "api-keys": as_member(new_key),
    "delete": at("/settings/delete/"),
    "sign-up": at("/accounts/signup/"),
    "sign-in": at("/accounts/login/"),
    "reset": at("/accounts/password/reset/"),
    "not-found": at("/c/nothing/"),
}


def ask(page: Page, text: str) -> Locator:
    before = replies(page).count()
    page.locator("textarea[name=text]").fill(text)
    page.locator(".composer__send").click()
    expect(replies(page)).to_have_count(before + 1)
    until_state(replies(page).last, "completed", patience_ms=120_000)
    return replies(page).last


def imported(page: Page) -> str:
    """The address of a conversation that came from a file."""
    token = next(each["value"] for each in page.context.cookies() if each["name"] == "csrftoken")
    file = {"name": "conversations.json", "mimeType": "application/json", "buffer": IMPORTED.read_bytes()}
    headers = {"X-CSRFToken": token, "Referer": page.url}
    page.context.request.post("/api/import", multipart={"file": file}, headers=headers)
    items = json.loads(page.context.request.get("/api/conversations").text())["items"]
    return f"/c/{items[0]['id']}/"


@contextmanager
def browser_of(product: Product) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


def take(visitor: Visitor, show: Callable[[Page], None], file: Path) -> None:
    page = visitor.open()
    show(page)
    page.wait_for_timeout(300)  # the end of what moves
    page.screenshot(path=file)
    visitor.context.close()


def take_all(pictures: dict[Path, tuple[str, str]]) -> None:
    """Of people's pages; the answers are the bundled model's."""
    model = prepare("bundled", ROOT / "data" / "models")
    with Product(script=None, MODEL=model, LIMITS="0") as product, browser_of(product) as browser:
        for file, (name, look) in pictures.items():
            print(file.name, flush=True)
            take(Visitor(browser, product.url, **LOOKS[look]), PAGES[name], file)


def take_all_of_widget(pictures: dict[Path, tuple[str, str]]) -> None:
    """On a shop's pages; the assistant's answers are the bundled model's."""
    model = prepare("bundled", ROOT / "data" / "models")
    with Product(script=None, MODEL=model, LIMITS="0") as product, Host(product.url) as host:
        shop = shop_of(product, host)
        with browser_of(product) as browser:
            for file, (name, look) in pictures.items():
                print(file.name, flush=True)
                options = LOOKS[look] if "phone" in look else {**LOOKS[look], "viewport": {"width": 640, "height": 800}}
                visitor = ShopVisitor(browser, host.url, product.url, **options)
                take(visitor, partial(WIDGET_PAGES[name], shop=shop), file)


def take_all_of_staff(pictures: dict[Path, tuple[str, str]]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        base = make_tiny_model(folder / "tiny")
        # Approved answers are found by their words here: no picture shows more, and nothing is downloaded.
        settings = {"MODEL": str(base), "EMBEDDER": "scripted:"}
        with Product(script=None, **settings) as product, browser_of(product) as browser:
            shown = scene(product, browser, base, folder)
            for file, (name, look) in pictures.items():
                print(file.name, flush=True)
                visitor = Visitor(browser, product.url, **LOOKS[look])
                visitor.context.add_cookies(shown.admin)
                take(visitor, partial(STAFF_PAGES[name], scene=shown), file)


def take_all_of_desk(pictures: dict[Path, tuple[str, str]]) -> None:
    with Product() as product, browser_of(product) as browser:
        shown = counter(product, browser)
        for file, (name, look) in pictures.items():
            print(file.name, flush=True)
            visitor = Visitor(browser, product.url, **LOOKS[look])
            visitor.context.add_cookies(shown.cookies)
            take(visitor, partial(DESK_PAGES[name], of=shown), file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every page in every look, into this folder")
    names = [*PAGES, *STAFF_PAGES, *WIDGET_PAGES, *DESK_PAGES]
    parser.add_argument("--page", action="append", choices=names, help="these pages alone")
    options = parser.parse_args()
    wanted = options.page or names
    pictures = {f"{name}.{look}": (name, look) for name in wanted for look in LOOKS} if options.all else SHOWN
    folder = options.all or DOCS
    folder.mkdir(parents=True, exist_ok=True)
    kinds = (
        (PAGES, take_all),
        (STAFF_PAGES, take_all_of_staff),
        (WIDGET_PAGES, take_all_of_widget),
        (DESK_PAGES, take_all_of_desk),
    )
    for pages, take_some in kinds:
        chosen = {f"{file}.png": shown for file, shown in pictures.items() if shown[0] in pages and shown[0] in wanted}
        if chosen:
            take_some({folder / file: shown for file, shown in chosen.items()})


if __name__ == "__main__":
    main()
