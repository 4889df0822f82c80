"""Whatever becomes of the chat, the shop's page stays whole: every button can be pressed, and nothing is said to its
console but what a browser says by itself of a server that is away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Browser, Route, expect

from tests.e2e.browsing import OUTAGE, PHONE, REFUSAL
from tests.e2e.hosts.server import Host
from tests.e2e.shop_site import ShopSite
from tests.e2e.widget import ask, box, buy, chat, open_chat, say, told, until_ready
from tests.e2e.widget_visitors import ShopVisitor
from tests.product import Product, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
Come = Callable[..., ShopVisitor]
START_MS = 21_000


def test_a_strict_policy_of_the_shop_holds(come: Come) -> None:
    page = come().open("/?csp=strict")

    ask(open_chat(page), "Do you have spades?")

    buy(page)


def test_a_server_that_is_away_leaves_the_shop_alone(browser: Browser, site: ShopSite) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with Host(nowhere, site.id) as shop:
        visitor = ShopVisitor(browser, shop.url, nowhere)
        page = visitor.open()
        buy(page)
        page.get_by_role("button", name="Help").click()
        buy(page)
        visitor.forgive(OUTAGE)
        visitor.context.close()
    assert visitor.problems == []


def test_a_frame_that_does_not_come_takes_the_button_away(come: Come, product: Product) -> None:
    visitor = come()
    page = visitor.context.new_page()
    page.clock.install()
    held: list[Route] = []
    page.route("**/widget/*/**", lambda route: held.append(route))  # it is never answered
    page.goto("/")
    page.wait_for_function("() => typeof Parley.boot === 'function'")
    page.clock.run_for(6_000)
    page.wait_for_selector("parley-widget", state="attached")
    buy(page)

    page.clock.run_for(START_MS)

    page.wait_for_function("() => window.parleySaid.includes('unavailable')")
    assert page.locator("parley-widget").count() == 0
    buy(page)
    for route in held:
        route.abort()


def test_an_outage_is_told_and_the_conversation_goes_on(come: Come) -> None:
    visitor = come()
    page = visitor.open()
    frame = open_chat(page)
    ask(frame, "Do you have spades?")

    visitor.context.set_offline(True)

    expect(frame.locator("#banner")).to_be_visible()
    buy(page)
    visitor.context.set_offline(False)
    expect(frame.locator("#banner")).to_be_hidden()
    ask(frame, "And rakes?")
    visitor.forgive(OUTAGE)


def test_too_much_in_a_short_time_is_said_and_nothing_is_lost(come: Come) -> None:
    visitor = come()
    page = visitor.open()
    frame = open_chat(page)
    limited = {"code": "rate.limited", "message": "That was a lot. Try again in 7 seconds.", "retryable": True}
    page.route("**/api/widget/visitors", lambda route: route.fulfill(status=429, json=limited))

    say(frame, "Hello?")

    expect(frame.get_by_role("alert").filter(has_text="Try again in 7 seconds.")).to_be_visible()
    expect(box(frame)).to_have_value("Hello?")
    page.unroute("**/api/widget/visitors")
    frame.get_by_role("button", name="Send", exact=True).click()
    expect(told(frame)).to_have_count(1)
    visitor.forgive(REFUSAL)


def test_a_slow_server_shows_nothing_half_done(come: Come) -> None:
    page = come().context.new_page()
    held: list[Route] = []
    page.route("**/widget/*/**", lambda route: held.append(route))
    page.goto("/")
    page.wait_for_function("() => typeof Parley.boot === 'function'")
    page.get_by_role("button", name="Help").click()
    buy(page)
    page.wait_for_timeout(500)

    for route in held:
        route.continue_()

    expect(box(until_ready(page))).to_be_focused()


def test_a_page_that_replaces_its_body_keeps_the_chat(come: Come) -> None:
    page = come().open()
    frame = open_chat(page)
    ask(frame, "Do you have spades?")

    page.get_by_role("link", name="Spades").click()

    page.wait_for_url("**/shop.html?spa=*")
    buy(page)
    assert chat(page) == frame
    ask(frame, "And rakes?")


def test_on_a_phone_it_fills_the_screen_and_gives_it_back(come: Come) -> None:
    page = come(**PHONE).open()
    until_ready(page)
    page.get_by_role("button", name="Help").tap()
    frame = chat(page)
    expect(frame.get_by_role("button", name="Close the chat")).to_be_in_viewport()

    size = frame.evaluate("[innerWidth, innerHeight]")
    font_px = float(box(frame).evaluate("element => getComputedStyle(element).fontSize").removesuffix("px"))
    assert size == [390, 844]
    assert font_px >= 16
    ask(frame, "Do you have spades?")
    frame.get_by_role("button", name="Close the chat").tap()
    page.wait_for_function("() => window.parleySaid.at(-1) === 'close'")
    buy(page)


def test_a_site_that_is_not_named_shows_nothing(browser: Browser, product: Product, site: ShopSite) -> None:
    with Host(product.url, site.id) as stranger:
        visitor = ShopVisitor(browser, stranger.url, product.url)
        page = visitor.context.new_page()
        page.clock.install()
        page.goto("/")
        page.wait_for_function("() => typeof Parley.boot === 'function'")
        page.clock.run_for(6_000 + START_MS)
        page.wait_for_function("() => window.parleySaid.includes('unavailable')")
        buy(page)
        visitor.context.close()
    assert any("frame-ancestors" in problem for problem in visitor.problems)


LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone, Chinese": {**PHONE, "locale": "zh-CN"},
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_everybody_can_use_it(come: Come, look: dict[str, Any]) -> None:
    page = come(**look).open()
    frame = open_chat(page)
    ask(frame, "Do you have spades?")

    # Asked in the frame alone: what is around it is the shop's.
    frame.evaluate(AXE_FILE_PATH.read_text(encoding="utf-8"))
    found = frame.evaluate("axe.run()")["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []


# What the page hears of the frame, without the frame's own work: browsers that keep sites apart do that in another
# process, and the one of the tests does not.
STAND_IN = """<!doctype html><script>
  const tell = (type, fields) => parent.postMessage({ parley: 1, type, ...fields }, "*");
  const launcher = { color: "#0b6e5f", text_color: "#ffffff", position: "right", title: "Chat", open_label: "Open",
    text: "", has_launcher: true };
  addEventListener("message", ({ data }) => data.type === "boot" && tell("ready", { launcher }));
  tell("loaded");
</script>"""


def test_before_it_is_opened_it_costs_the_page_next_to_nothing(
    browser: Browser,
    product: Product,
    host: Host,
    site: ShopSite,
) -> None:
    spent_ms = {}
    for name in ("without", "with"):
        visitor = ShopVisitor(browser, host.url, product.url)
        page = visitor.context.new_page()
        page.route("**/widget/*/**", lambda route: route.fulfill(body=STAND_IN, content_type="text/html"))
        if name == "without":
            page.route("**/widget.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
        devtools = visitor.context.new_cdp_session(page)
        devtools.send("Performance.enable", {"timeDomain": "threadTicks"})  # the processor's time, not the clock's
        page.goto("/")
        if name == "with":
            until_ready(page)
        page.wait_for_timeout(2_000)
        metrics = {each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]}
        spent_ms[name] = metrics["TaskDuration"] * 1000
        visitor.context.close()
    print(f"main thread, ms: {spent_ms}")
    assert spent_ms["with"] - spent_ms["without"] < 50
