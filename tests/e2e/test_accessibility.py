"""axe-core finds no serious fault on any page: light and dark, wide and narrow, English and Chinese."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.browsing import PHONE, Visitor, replies, until_state
from tests.e2e.screenshots import PAGES

pytestmark = pytest.mark.e2e

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
# Each combination of theme, width and language is met by one of these.
BROWSERS: dict[str, dict[str, Any]] = {
    "light, 1280 px": {**DESKTOP, "color_scheme": "light"},
    "dark, 1280 px, Chinese": {**DESKTOP, "color_scheme": "dark", "locale": "zh-CN"},
    "light, 390 px, Chinese": {**PHONE, "color_scheme": "light", "locale": "zh-CN"},
    "dark, 390 px": {**PHONE, "color_scheme": "dark"},
}


def serious(page: Page) -> list[str]:
    """What would stop somebody who cannot see or use a mouse, with where it is."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.fixture(params=BROWSERS)
def visitor(request: pytest.FixtureRequest, arrive: Callable[..., Visitor]) -> Visitor:
    return arrive(**BROWSERS[request.param])


def test_a_conversation_is_open_to_everybody(visitor: Visitor) -> None:
    page = visitor.open()
    assert serious(page) == []
    page.locator("textarea[name=text]").fill("What is a tide?")
    page.locator(".composer__send").click()
    until_state(replies(page).last, "running")
    assert serious(page) == []
    until_state(replies(page).last, "completed")
    assert serious(page) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_every_page_that_there_is_a_picture_of_is_open_to_everybody(name: str, visitor: Visitor) -> None:
    page = visitor.open()
    PAGES[name](page)
    page.wait_for_timeout(300)  # colours of what is fading in are not those it has
    assert serious(page) == []
    visitor.problems.clear()


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/c/nothing/"])
def test_a_page_with_one_thing_on_it_is_open_to_everybody(path: str, visitor: Visitor) -> None:
    page = visitor.open()
    visitor.problems.clear()
    page.goto(path)
    assert serious(page) == []
    visitor.problems.clear()  # the browser itself complains of a page that is not there
