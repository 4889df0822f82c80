"""What the page costs the person's browser: weight, time until it can be used, and work per streamed token.

A real Chromium meets the started product, whose replies say what they were asked. Work is the CPU time of all tasks of
the renderer's main thread (the browser's own trace), less what it does in the same time when nothing is streamed.
Beside it stands what a browser does for one paragraph on an empty page that grows as often as a reply is drawn.

    python -m bench.page
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.e2e.browsing import launch, replies, send, text_of, until_state
from tests.e2e.hosts.server import Host
from tests.e2e.shop_site import shop_site
from tests.e2e.widget import ask as answer_of_widget
from tests.e2e.widget import open_chat
from tests.product import Product
from tests.seeding import REPLY, long_conversation, question

MESSAGES = 1000
RATES = (20, 50)  # tokens per second: of the bundled model on two cores, and of a faster one
DRAWS_PER_SECOND = 4  # PACE_MS of stream_client.js
CHARACTERS_PER_TOKEN = 4
# Noted by the page itself, so that no message between processes counts.
WATCH = """
const until = (name, condition) => {
  const look = () => (condition() ? (window[name] = performance.now()) : requestAnimationFrame(look));
  look();
};
until("inputReadyAt", () => document.activeElement?.matches("#composer textarea"));
until("openedAt", () => {
  const scroll = document.querySelector("#scroll");
  return document.querySelector("chat-message:last-child .rich-text > *")
    && scroll.scrollTop > 0 && scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 2;
});
"""


@dataclass(frozen=True)
class Line:
    what: str
    measured: float
    aim: float
    unit: str

    def __str__(self) -> str:
        verdict = "" if self.measured <= self.aim else "  missed"
        return f"{self.what:<68}{self.measured:>9.2f} {self.unit:<4}{self.aim:>8g} {self.unit}{verdict}"


def weight(browser: Browser, url: str, path: str, cookies: Any) -> tuple[float, int]:
    """KB over the wire and requests of a first visit, until nothing more is asked for."""
    context = browser.new_context(base_url=url)
    context.add_cookies(list(cookies))
    page = context.new_page()
    network = context.new_cdp_session(page)
    asked: list[str] = []
    received: list[float] = []
    network.on("Network.requestWillBeSent", lambda event: asked.append(event["request"]["url"]))
    network.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    network.send("Network.enable")
    page.goto(path, wait_until="networkidle")
    context.close()
    return float(sum(received) / 1000), len(asked)


def weight_of_widget(browser: Browser, product: Product) -> tuple[float, int]:
    """KB over the wire, heads left out, and requests, until a first answer is shown on another site's page."""
    with Host(product.url) as host:
        host.site_id = shop_site(product, host.url).id
        context = browser.new_context(base_url=host.url)
        asked: list[Request] = []
        context.on("requestfinished", lambda request: asked.append(request))
        page = context.new_page()
        page.goto("/")
        answer_of_widget(open_chat(page), "Do you have spades?")
        of_widget = [request for request in asked if request.url.startswith(product.url)]
        received = sum(request.sizes()["responseBodySize"] for request in of_widget)
        context.close()
    return received / 1000, len(of_widget)


def seconds_until(browser: Browser, url: str, path: str, what: str, cookies: Any = (), times: int = 5) -> float:
    """The median of cold visits."""
    taken: list[float] = []
    for _ in range(times):
        context = browser.new_context(base_url=url)
        context.add_cookies(list(cookies))
        context.add_init_script(WATCH)
        page = context.new_page()
        page.goto(path)
        page.wait_for_function(f"() => window.{what}")
        taken.append(page.evaluate(f"window.{what}") / 1000)
        context.close()
    return statistics.median(taken)


class Trace:
    """CPU time of the busiest renderer's main thread."""

    def __init__(self, browser: Browser) -> None:
        self._session = browser.new_browser_cdp_session()
        self._events: list[dict[str, Any]] = []
        self._is_complete = False
        self._session.on("Tracing.dataCollected", lambda data: self._events.extend(data["value"]))
        self._session.on("Tracing.tracingComplete", lambda _: setattr(self, "_is_complete", True))

    def __enter__(self) -> Trace:
        self._session.send("Tracing.start", {"traceConfig": {"includedCategories": ["toplevel"]}})
        self._began = time.monotonic()
        return self

    def __exit__(self, *error: object) -> None:
        self.took_s = time.monotonic() - self._began
        self._session.send("Tracing.end")
        while not self._is_complete:
            self._session.send("Browser.getVersion")  # lets the events in
        self.work_ms = max(self._work_ms().values())

    def _work_ms(self) -> dict[tuple[int, int], float]:
        names = {(e["pid"], e["tid"]): e["args"]["name"] for e in self._events if e["name"] == "thread_name"}
        work: dict[tuple[int, int], float] = defaultdict(float)
        for event in self._events:
            thread = event["pid"], event["tid"]
            if names.get(thread) == "CrRendererMain" and event["name"].endswith("RunTask"):
                work[thread] += event.get("tdur", 0) / 1000
        return work


def work_per_token(browser: Browser, page: Page, text: str, rate: int) -> float:
    """Nothing is asked of the page while it is traced: the questions of a test are work as well."""
    page.wait_for_timeout(8000)  # what reading a thousand messages left behind is done by then
    with Trace(browser) as idle:
        page.wait_for_timeout(5000)
    send(page, text)
    page.wait_for_function("() => document.querySelector('chat-message:last-child').dataset.state === 'running'")
    before = len(text_of(replies(page).last))
    with Trace(browser) as busy:
        page.wait_for_timeout(len(text) / CHARACTERS_PER_TOKEN / rate * 1000 * 0.8)
    tokens = (len(text_of(replies(page).last)) - before) / CHARACTERS_PER_TOKEN
    until_state(replies(page).last, "completed")
    return (busy.work_ms - idle.work_ms / idle.took_s * busy.took_s) / tokens


ONE_PARAGRAPH = """<!doctype html><p>A tide</p><script>
  const grow = () => document.querySelector("p").firstChild.appendData(" rises");
  window.begin = (pause) => setInterval(grow, pause);
</script>"""


def least_work_per_draw(browser: Browser) -> float:
    """What the browser itself needs for it."""
    page = browser.new_page()
    page.set_content(ONE_PARAGRAPH)
    page.wait_for_timeout(1000)
    page.evaluate("(pause) => begin(pause)", 1000 / DRAWS_PER_SECOND)
    with Trace(browser) as busy:
        page.wait_for_timeout(8000)
    page.close()
    return busy.work_ms / (busy.took_s * DRAWS_PER_SECOND)


def read_everything(page: Page) -> None:
    """Scroll to the very beginning, and write from there."""
    first = page.locator("chat-message").filter(has_text=question(0))
    while not first.count():
        page.evaluate("() => { document.querySelector('#scroll').scrollTop = 0 }")
        page.wait_for_timeout(50)
    page.wait_for_timeout(1000)


def measure(product: Product, browser: Browser, rate: int) -> Iterator[Line]:
    context = browser.new_context(base_url=product.url)
    page = context.new_page()
    page.goto("/")
    person_id = page.locator("#app").get_attribute("data-person-id") or ""
    path = f"/c/{long_conversation(product, person_id, MESSAGES)}/"
    if rate == RATES[0]:
        kilobytes, requests = weight(browser, product.url, "/", context.cookies())
        yield Line("cold page, compressed, all included", kilobytes, 150, "KB")
        yield Line("requests of the cold page", requests, 40, "")
        kilobytes, requests = weight_of_widget(browser, product)
        yield Line(f"the widget, cold, until an answer is shown ({requests} requests)", kilobytes, 60, "KB")
        ready_s = seconds_until(browser, product.url, "/", "inputReadyAt")
        yield Line("cold page until one can write", ready_s, 0.7, "s")
        opened_s = seconds_until(browser, product.url, path, "openedAt", context.cookies())
        yield Line(f"opening a conversation of {MESSAGES:,} messages, at its end", opened_s, 1, "s")
    page.goto(path)
    at = f"main-thread work per token, {rate}/s, {MESSAGES:,} messages"
    yield Line(f"{at}, just opened", work_per_token(browser, page, REPLY, rate), 1, "ms")
    read_everything(page)
    yield Line(f"{at}, all read", work_per_token(browser, page, REPLY, rate), 1, "ms")
    context.close()


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    lines: list[Line] = []
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for rate in RATES:
            with Product(f"tokens_per_second={rate}&echo={CHARACTERS_PER_TOKEN}") as product:
                lines += measure(product, browser, rate)
        least_ms = least_work_per_draw(browser)
        browser.close()
    print(f"{'what':<68}{'measured':>9} {'':<4}{'aim':>8}")
    print(*lines, sep="\n")
    print(
        f"For comparison: a paragraph on an empty page takes {least_ms:.2f} ms of the main thread each time it grows."
    )


if __name__ == "__main__":
    main()
