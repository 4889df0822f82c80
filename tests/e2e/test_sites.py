"""An administrator makes a site, sees what a visitor will see while writing, and is told what is in the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import PHONE, Visitor
from tests.e2e.learning import as_admin
from tests.e2e.test_accessibility import serious
from tests.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def made(visitor: Visitor, product: Product, name: str) -> Page:
    page = as_admin(visitor, product, f"{name.lower()}@example.org")
    page.goto("/sites/")
    assert serious(page) == []
    page.get_by_label("Name").fill(name)
    page.get_by_label("The team that answers its visitors").fill("Shop")
    page.get_by_role("button", name="Add a site").click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    return page


def test_what_is_written_stands_in_the_preview_at_once(arrive: Callable[..., Visitor], product: Product) -> None:
    page = made(arrive(), product, "Tools")
    preview = page.frame_locator(".site__preview iframe")
    expect(preview.get_by_text("Hello! How can we help?")).to_be_visible()

    page.get_by_label("Greeting").first.fill("Welcome to the garden!")
    page.get_by_label("Colour").fill("#ffee88")
    page.get_by_label("Suggested questions").first.fill("Where is my order?\nDo you have rakes?")

    expect(preview.get_by_text("Welcome to the garden!")).to_be_visible()
    expect(preview.get_by_role("button", name="Do you have rakes?")).to_be_visible()
    expect(preview.locator(".widget__head")).to_have_css("background-color", "rgb(255, 238, 136)")
    expect(preview.locator(".widget__head")).to_have_css("color", "rgb(0, 0, 0)")
    page.get_by_label("Origins").fill("https://shop.example")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Greeting").first).to_have_value("Welcome to the garden!")
    page.get_by_label("Address of the page").fill("https://other.example/")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("https://other.example is not among the origins above")).to_be_visible()


LOOKS: dict[str, dict[str, Any]] = {"Dark": {"color_scheme": "dark"}, "Phone": PHONE}


@pytest.mark.parametrize("name", LOOKS)
def test_everybody_can_use_the_page_of_a_site(name: str, arrive: Callable[..., Visitor], product: Product) -> None:
    page = made(arrive(**LOOKS[name]), product, name)

    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
