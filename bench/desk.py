"""The inbox with many conversations: how long its list takes, and how soon an open page shows what a visitor wrote.

The list is asked for over HTTP as the page asks for it, one after the other. The update is what a person sees: from the
commit of the visitor's message to its text in the list of a real Chromium. Both once alone and once while many visitors
have their widget open (bench/widgets.py) and the assistant answers some of them.

    python -m bench.desk --cases 5000 --widgets 100 --streaming 20
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle, islice
from typing import Any
from uuid import UUID

import httpx2
from playwright.sync_api import Page, expect, sync_playwright

from bench.widgets import ORIGIN
from tests.e2e.browsing import Visitor, launch
from tests.e2e.desk_rows import PASSWORD, Desk
from tests.product import ROOT, Product

AGENT = "dora@example.org"
SCRIPT = "tokens_per_second=20&tokens=200"
QUERIES = (
    *("", "whose=mine", "whose=unassigned", "status=waiting", "status=resolved", "status=assistant"),
    *("order=newest", "order=newest&status=resolved", "q=order", "q=lighthouse"),
)
LIST_AIM_MS, UPDATE_AIM_MS = 200, 500
SETTLE_S = 3.0
# In the started product's environment.
WRITE = """
import os, sys, django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant.settings")
django.setup()
from bench.desk import write
write(int(sys.argv[1]))
"""


def write(count: int) -> None:
    """So many conversations of visitors of the shop, of four messages each, in all states."""
    from datetime import timedelta

    from django.utils import timezone

    from assistant.chat import search
    from assistant.models import Case, Conversation, Message, Person, Site
    from assistant.models import Visitor as Of

    site, agent, now = Site.objects.get(name="Shop"), Person.objects.get(username=AGENT), timezone.now()
    Site.objects.filter(pk=site.pk).update(allowed_origins=[ORIGIN])
    modes = ("assistant", "waiting", "person", "resolved", "resolved")
    for begin in range(0, count, 500):
        numbers = range(begin, min(begin + 500, count))
        text = "Question {}: where is my order of the lamp?"
        people = Person.objects.bulk_create(Person(username=f"bench-{n}", is_guest=True) for n in numbers)
        visitors = Of.objects.bulk_create(Of(person=one, site=site, name=f"Visitor {one.username}") for one in people)
        conversations = Conversation.objects.bulk_create(
            Conversation(owner=one, site=site, mode=modes[n % 5]) for n, one in zip(numbers, people, strict=True)
        )
        messages = [
            Message(conversation=of, role="user", author=of.owner, text=text.format(n))
            for n, of in zip(numbers, conversations, strict=True)
            for _ in range(4)
        ]
        Message.objects.bulk_create(messages)
        search.index_messages(messages)
        Case.objects.bulk_create(
            Case(
                conversation=of,
                site=site,
                visitor=visitor,
                mode=of.mode,
                assignee=agent if of.mode == "person" and n % 2 else None,
                waiting_since=now - timedelta(seconds=n) if of.mode == "waiting" else None,
                preview=text.format(n),
                last_message_at=now - timedelta(seconds=n),
            )
            for n, of, visitor in zip(numbers, conversations, visitors, strict=True)
        )


def list_times_ms(page: Page, url: str, times: int) -> list[float]:
    cookies = {each["name"]: each["value"] for each in page.context.cookies()}
    taken: list[float] = []
    with httpx2.Client(base_url=url, cookies=cookies, timeout=30) as client:
        for query in islice(cycle(QUERIES), times):
            began = time.perf_counter()
            answer = client.get(f"/desk/?{query}&part=list")
            taken.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200
    return taken


def update_times_ms(page: Page, say: Callable[[str], Any], times: int) -> list[float]:
    taken: list[float] = []
    for number in range(times):
        say(f"Seen {number}?")
        began = time.perf_counter()
        expect(page.locator(".case__preview", has_text=f"Seen {number}?")).to_be_attached()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


@contextmanager
def widgets(product: Product, site_id: str, count: int, streaming: int) -> Iterator[None]:
    """So many visitors have their widget open while inside."""
    program = [sys.executable, "-m", "bench.widgets", product.url, site_id]
    counts = ["--open", str(count), "--streaming", str(streaming)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*program, *counts], cwd=ROOT, env=product.environment, stdin=pipe, stdout=pipe, text=True
    ) as of:
        assert of.stdin
        assert of.stdout
        assert of.stdout.readline() == "open\n", "the widgets did not open"
        time.sleep(SETTLE_S)
        began = time.monotonic()
        yield
        took_s = time.monotonic() - began
        of.stdin.close()
        print(f"{count} widgets, {streaming} streaming, for {took_s:.0f} s: {of.stdout.read().strip()}")


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def sign_in(visitor: Visitor) -> Page:
    page = visitor.open("/accounts/login/?next=/desk/")
    page.locator("input[type=email]").fill(AGENT)
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator(".account__submit").click()
    page.wait_for_url("**/desk/")
    expect(page.locator("#desk.is-live")).to_be_attached()
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--times", type=int, default=200, help="requests of the list; updates are a tenth of it")
    parser.add_argument("--widgets", type=int, default=100, help="open beside it the second time; 0: only alone")
    parser.add_argument("--streaming", type=int, default=20, help="of the widgets, always")
    options = parser.parse_args()
    with Product(SCRIPT) as product, Desk(product) as desk, sync_playwright() as playwright:
        desk.agent(AGENT)
        command = [sys.executable, "-c", WRITE, str(options.cases)]
        subprocess.run(command, cwd=ROOT, env=product.environment, check=True)
        asking = desk.visitor("Ada")
        conversation = desk.says(asking, "Hello?")
        desk.asks_for_a_person(conversation)
        page = sign_in(Visitor(launch(playwright), product.url))
        page.goto("/desk/?order=newest")
        expect(page.locator("#desk.is-live")).to_be_attached()
        print(f"{options.cases} conversations on {product.environment.get('DATABASE_URL', 'SQLite').partition(':')[0]}")

        def measure() -> None:
            tell("list of the inbox", list_times_ms(page, product.url, options.times), LIST_AIM_MS)
            says = partial(desk.says, asking, conversation_id=conversation)
            tell("update seen", update_times_ms(page, says, options.times // 10), UPDATE_AIM_MS)

        measure()
        if options.widgets:
            [[site_id]] = product.rows("SELECT id FROM assistant_site WHERE name = %s", "Shop")
            with widgets(product, str(UUID(str(site_id))), options.widgets, options.streaming):
                measure()


def tell(name: str, values: list[float], aim: int) -> None:
    verdict = "" if p95(values) <= aim else "  missed"
    median = statistics.median(values)
    print(f"{name:<20} median {median:>6.0f} ms   p95 {p95(values):>6.0f} ms   aim {aim} ms{verdict}", flush=True)


if __name__ == "__main__":
    main()
