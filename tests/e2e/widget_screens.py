"""The widget on a shop's page, for tests/e2e/screenshots.py: a visitor asks, and a person of the desk answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Frame, Page, expect

from tests.e2e.hosts.server import Host
from tests.e2e.shop_site import ShopSite, agent_resolves, agent_says, shop_site
from tests.e2e.widget import ask, box, open_chat, say, told, until_ready
from tests.product import Product

TEXTS = {
    "en": {"greeting": "Hello! Ask us about spades and rakes.", "suggestions": ["Where is my order?"]},
    "zh-hans": {"greeting": "您好！关于铲子和耙子的问题，请在这里提问。", "suggestions": ["我的订单在哪里？"]},
}
ANSWERS = {
    "en": "Hello, this is Dora. Ours are of ash and hardened steel, and they last for years.",
    "zh": "您好，我是朵拉。我们的铲子用白蜡木和淬火钢制成，非常耐用。",
}
QUESTION = "What is a spade made of? Answer in one sentence."


@dataclass(frozen=True)
class Shop:
    product: Product
    site: ShopSite


def shop_of(product: Product, host: Host) -> Shop:
    site = shop_site(product, host.url, texts=TEXTS)
    host.site_id = site.id
    return Shop(product, site)


def _closed(page: Page, shop: Shop) -> None:
    until_ready(page)


def _open(page: Page, shop: Shop) -> None:
    open_chat(page)


def _with_a_person(page: Page, shop: Shop) -> Frame:
    frame = open_chat(page)
    language = (frame.locator("html").get_attribute("lang") or "en")[:2]
    if language == "en":
        ask(frame, QUESTION)
    frame.locator("[data-action=person]").click()
    expect(frame.locator("#panel form")).to_be_visible()
    agent_says(shop.product, shop.site, ANSWERS[language])
    expect(told(frame, "agent")).to_be_visible()
    return frame


def _streaming(page: Page, shop: Shop) -> None:
    frame = open_chat(page)
    say(frame, "Tell me everything about garden tools.")
    expect(told(frame).locator(".message-text")).not_to_be_empty()


def _offline(page: Page, shop: Shop) -> None:
    frame = open_chat(page)
    frame.locator("[data-action=person]").click()
    expect(frame.locator("#panel form")).to_be_visible()


def _rating(page: Page, shop: Shop) -> None:
    frame = _with_a_person(page, shop)
    agent_resolves(shop.product, shop.site)
    frame.locator("input[name=score]").nth(3).check(force=True)


def _files(page: Page, shop: Shop) -> None:
    frame = _with_a_person(page, shop)
    picture = {"name": "spade.png", "mimeType": "image/png", "buffer": page.screenshot()}
    for _ in range(2):  # one is sent, the other is about to be
        with page.expect_file_chooser() as chooser:
            frame.locator("[data-action=attach]").click()
        chooser.value.set_files(picture)
        expect(frame.locator(".chosen-files li button")).to_have_count(1)
        if not frame.locator(".widget__image").count():
            say(frame, "This is how it looks.")
            expect(frame.locator(".widget__image img")).to_be_visible()
    box(frame).fill("And this")


WIDGET_PAGES: dict[str, Callable[[Page, Shop], Any]] = {
    "widget-closed": _closed,
    "widget-new": _open,
    "widget-open": _with_a_person,
    "widget-streaming": _streaming,
    "widget-offline": _offline,
    "widget-rating": _rating,
    "widget-files": _files,
}
