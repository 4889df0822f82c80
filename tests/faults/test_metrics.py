"""Any web process tells of all workers and of everything that was counted, and goes on telling while parts are away."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from assistant.metrics import engines
from tests.client import PageClient
from tests.product import Product, free_port
from tests.scraping import Scrape

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"),
]

REPLIES = 3
TOKENS = "parley_engine_tokens_written_total"


@pytest.fixture(scope="module")
def product(tiny_folder: Path) -> Iterator[Product]:
    settings = {"ENGINE_DTYPE": "float32", "MAX_REPLY_TOKENS": "40", "APPROVED_ANSWERS": "off"}
    with Product(None, MODEL=str(tiny_folder), **settings) as started:
        yield started


def scrape(url: str) -> Scrape:
    answer = httpx2.get(f"{url}/metrics", timeout=10)
    assert answer.status_code == 200
    return Scrape(answer.text)


def until(url: str, holds: Callable[[Scrape], bool], within_s: float) -> Scrape:
    """The first scrape of which it holds."""
    give_up_at = time.monotonic() + within_s
    while True:
        try:
            found = scrape(url)
        except httpx2.TransportError:  # this web process has not begun to listen
            found = None
        if found and holds(found):
            return found
        assert time.monotonic() < give_up_at, found and found.text
        time.sleep(0.2)


def workers(found: Scrape) -> set[str]:
    family = found.families.get("parley_engine_info")
    return {sample.labels["worker"] for sample in family.samples} if family else set()


async def test_one_scrape_tells_of_all_processes(product: Product) -> None:
    port, patience_s = str(free_port()), 30 * product.slowness
    other = f"http://127.0.0.1:{port}"
    with product.beside("web", PORT=port), product.beside("worker-interactive") as second:
        await asyncio.to_thread(until, other, lambda found: len(workers(found)) == 2, patience_s)
        async with asyncio.timeout(patience_s), PageClient(product.url) as page:
            for number in range(REPLIES):
                reply = await page.ask(f"Question {number}")
                await reply.done.wait()
            mine = await asyncio.to_thread(scrape, product.url)
            theirs = await asyncio.to_thread(
                until, other, lambda found: found.sum("parley_replies_total") == REPLIES, patience_s
            )
            written = await asyncio.to_thread(until, other, lambda found: found.sum(TOKENS) >= REPLIES, patience_s)

        # The socket is this web process's, the replies are everybody's.
        assert mine.sum("parley_open_sockets") == 1
        assert theirs.sum("parley_open_sockets") == 0
        assert theirs.value("parley_reply_wait_seconds_count") == REPLIES
        assert theirs.value("parley_workers", state="ready") == 2
        firsts = written.sum("parley_engine_first_token_seconds_count")
        assert firsts == REPLIES
        assert written.sum("parley_engine_token_gap_seconds_count") == written.sum(TOKENS) - firsts
        assert {"/metrics", "/"} <= written.labels("parley_http_request_duration_seconds")

        killed = next(name for name in workers(written) if name.endswith(f":{second.pid}"))
        second.send_signal(signal.SIGKILL)
        within_s = engines.EXPIRES_S * 2 * product.slowness
        left = await asyncio.to_thread(until, other, lambda found: killed not in workers(found), within_s)
        assert len(workers(left)) == 1


async def test_while_redis_hangs_it_answers_and_afterwards_nothing_is_missing(product: Product) -> None:
    before = await asyncio.to_thread(scrape, product.url)
    product.send_signal("valkey", signal.SIGSTOP)
    try:
        began = time.monotonic()
        hung = await asyncio.to_thread(scrape, product.url)
        took_s = time.monotonic() - began
    finally:
        product.send_signal("valkey", signal.SIGCONT)
    back = await asyncio.to_thread(until, product.url, lambda found: found.value("parley_redis_up") == 1, 20)

    assert (hung.value("parley_redis_up"), hung.value("parley_database_up")) == (0, 1)
    assert hung.value("parley_replies_queued") == 0
    assert took_s <= 4 * product.slowness
    assert back.sum("parley_replies_total") == before.sum("parley_replies_total")
    requests = "parley_http_request_duration_seconds_count"
    assert back.sum(requests, route="/metrics") >= before.sum(requests, route="/metrics") + 2
