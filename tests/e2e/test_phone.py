"""On a telephone nothing is covered or cut: keyboard, narrow screens, the drawer; and the page can be installed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import PHONE, Visitor, ask, composer, replies, send, until_state, until_words

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NARROW = {**PHONE, "viewport": {"width": 320, "height": 640}}


@pytest.fixture
def phone(arrive: Callable[..., Visitor]) -> Page:
    return arrive(**PHONE).open()


def test_the_keyboard_leaves_the_composer_and_the_end_in_view(phone: Page) -> None:
    ask(phone, "What is a tide?")
    ask(phone, "And an ebb?")

    # What `interactive-widget=resizes-content` makes of the page when the keyboard comes.
    phone.set_viewport_size({"width": 390, "height": 420})

    expect(composer(phone)).to_be_in_viewport(ratio=1)
    expect(phone.get_by_role("group", name="What you could ask")).to_be_in_viewport()


def test_where_the_keyboard_lies_over_the_page_the_composer_stands_above_it(phone: Page) -> None:
    lay_keyboard(phone, 300)

    box = composer(phone).bounding_box()
    assert box
    assert box["y"] + box["height"] < 844 - 300
    lay_keyboard(phone, 0)
    phone.wait_for_function("() => document.querySelector('.app').offsetHeight === innerHeight")


def test_a_zoom_is_not_taken_for_a_keyboard(phone: Page) -> None:
    lay_keyboard(phone, 300, scale=1.5)

    assert phone.evaluate("document.querySelector('.app').offsetHeight === innerHeight")


def test_the_smallest_screens_show_everything(arrive: Callable[..., Visitor]) -> None:
    page = arrive(**NARROW).open()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    send(page, "What is a tide?")
    until_words(replies(page).last, 2)
    composer(page).fill("Averyverylongwordwithoutanyplacetobreakit" * 3)
    page.get_by_role("button", name="Send when the answer has ended").tap()

    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('textarea')).fontSize)") >= 16
    page.evaluate("document.dispatchEvent(new Event('shortcuts'))")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_be_visible()
    assert sheet.evaluate("element => element.scrollWidth <= element.clientWidth")


def test_the_drawer_closes_by_a_swipe_and_escape_there_stops_no_answer(phone: Page) -> None:
    link = phone.get_by_role("navigation", name="Conversations").get_by_role("link", name="New chat")
    send(phone, "What is a tide?")
    until_words(replies(phone).last, 2)
    open_drawer(phone)

    swipe(phone, (250, 400), (60, 405))

    expect(link).not_to_be_in_viewport()
    open_drawer(phone)
    swipe(phone, (150, 300), (140, 500))
    expect(link).to_be_in_viewport()
    phone.keyboard.press("Escape")
    expect(link).not_to_be_in_viewport()
    until_state(replies(phone).last, "completed")


def test_the_actions_of_every_message_can_be_touched(phone: Page) -> None:
    ask(phone, "What is a tide?")
    ask(phone, "And an ebb?")

    for reply in replies(phone).all():
        assert reply.locator(".message__actions").evaluate("element => getComputedStyle(element).opacity") == "1"


def test_the_browser_finds_the_page_installable(arrive: Callable[..., Visitor]) -> None:
    page = arrive().open()
    browser = page.context.new_cdp_session(page)

    manifest = browser.send("Page.getAppManifest")

    assert manifest["url"].endswith("/manifest.webmanifest")
    assert manifest["errors"] == []
    problems = [error["errorId"] for error in browser.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    # Playwright's profiles are incognito ones, where no browser installs anything; all else must be right.
    assert [problem for problem in problems if problem != "in-incognito"] == []


def lay_keyboard(page: Page, height: int, scale: float = 1) -> None:
    """Tell the page what Safari on iOS tells it: the part that can be seen is smaller, the page is not."""
    page.wait_for_load_state("networkidle")  # what listens to it is loaded on telephones alone
    page.evaluate(
        """([height, scale]) => {
            const seen = window.visualViewport;
            Object.defineProperty(seen, "height", { configurable: true, get: () => innerHeight - height });
            Object.defineProperty(seen, "scale", { configurable: true, get: () => scale });
            seen.dispatchEvent(new Event("resize"));
        }""",
        [height, scale],
    )


def open_drawer(page: Page) -> None:
    page.get_by_role("button", name="Open conversations").click()
    page.wait_for_function("() => document.getElementById('sidebar').getBoundingClientRect().x === 0")


def swipe(page: Page, begin: tuple[int, int], end: tuple[int, int]) -> None:
    finger = page.context.new_cdp_session(page)
    (x, y), (to_x, to_y) = begin, end
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in (1, 2, 3):
        point = {"x": x + (to_x - x) * step / 3, "y": y + (to_y - y) * step / 3}
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
