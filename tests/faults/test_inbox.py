"""The web server and Redis go and come back under two agents with two tabs each: all of them show the same again, and
what was written meanwhile is there once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from assistant.runtime.valkey import EmbeddedValkey
from tests.e2e.browsing import Visitor, launch
from tests.e2e.desk_rows import Desk
from tests.e2e.test_inbox import DORA, EVE, at_desk, box, said
from tests.faults.evidence import SCRIPT
from tests.product import Product

pytestmark = [pytest.mark.faults, pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path, tmp_path / "valkey.sock") as server:
        yield server


def test_all_tabs_agree_through_restarts(browser: Browser, own_valkey: EmbeddedValkey) -> None:
    with Product(SCRIPT, REDIS_URL=own_valkey.url) as product, Desk(product) as desk:
        desk.agent(DORA)
        desk.agent(EVE)
        visitor = desk.visitor("Ada")
        conversation = desk.says(visitor, "Where is my order?")
        desk.asks_for_a_person(conversation)
        path = f"/desk/cases/{conversation}/"
        people = [Visitor(browser, product.url), Visitor(browser, product.url)]
        tabs = [page for person, email in zip(people, (DORA, EVE), strict=True) for page in _two(person, email, path)]

        own_valkey.kill()
        _write(tabs[0], "While Redis was away")
        time.sleep(3)
        own_valkey.start()
        _until_all_show(tabs, "While Redis was away", 5.0 * product.slowness)
        product.processes()["web"].kill()
        _write(tabs[2], "While the server was away")
        _until_all_show(tabs, "While the server was away", 8.0 * product.slowness)
        desk.says(visitor, "And now?", conversation)
        _until_all_show(tabs, "And now?", 1.0 * product.slowness)

        sees = [text for _, text in desk.sees(conversation)]
        assert sees == ["Where is my order?", "While Redis was away", "While the server was away", "And now?"]
        assert [tab.locator("#case-items .message-text").all_text_contents() for tab in tabs] == [sees] * 4


def _two(person: Visitor, email: str, path: str) -> list[Page]:
    first, second = at_desk(person, email, path), person.open(path)
    expect(second.locator("#desk.is-live")).to_be_attached()
    return [first, second]


def _write(tab: Page, text: str) -> None:
    box(tab).fill(text)
    box(tab).press("Enter")


def _until_all_show(tabs: list[Page], text: str, within_s: float) -> None:
    began = time.monotonic()
    for tab in tabs:
        expect(said(tab, text)).to_have_count(1, timeout=30_000)
    took_s = time.monotonic() - began
    print(f"{text}: in all tabs after {took_s:.2f} s")
    assert took_s < within_s
