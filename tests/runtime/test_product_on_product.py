"""One product writes for another: the back door of the second leads to the front door of the first. Both are started
whole, and what breaks between them breaks for real."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from inference.serving.scripted import scripted_text
from tests.client import PageClient, Reply
from tests.product import ROOT, Product
from tests.runtime.test_programs import new_key

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

TOKENS = 60
PATIENCE_S = 90
BACK_DOOR = "inference.serving.upstream.OpenAIEngine"


@pytest.fixture(scope="module")
def writing() -> Iterator[Product]:
    """The product that has a model."""
    with Product(f"tokens_per_second=20&tokens={TOKENS}") as started:
        yield started


@pytest.fixture(scope="module")
def product(writing: Product) -> Iterator[Product]:
    """The product that people use."""
    settings = {
        "INFERENCE_ENGINE": BACK_DOOR,
        "UPSTREAM_URL": f"{writing.url}/v1",
        "UPSTREAM_API_KEY": new_key(writing),
    }
    with Product(None, **settings, EMBEDDER="scripted:", UPSTREAM_MODEL="base") as started:
        yield started


async def told(reply: Reply) -> str:
    await asyncio.wait_for(reply.done.wait(), PATIENCE_S)
    assert reply.is_whole
    assert reply.resets == 0
    return reply.text


async def until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.05)


def newest(product: Product) -> tuple[str, int, int]:
    """State, tokens and prompt tokens of the newest reply."""
    [row] = product.rows(
        "SELECT state, completion_tokens, prompt_tokens FROM assistant_generation ORDER BY id DESC LIMIT 1"
    )
    return row  # type: ignore[return-value]  # what the columns hold only the database knows


async def test_a_reply_comes_through_both(product: Product, writing: Product) -> None:
    async with PageClient(product.url) as page:
        reply = await page.ask("Hello")

        assert await told(reply) == scripted_text("Hello", TOKENS)

    state, tokens, prompt_tokens = newest(product)
    assert (state, tokens) == ("completed", TOKENS)
    assert prompt_tokens > 0
    [row] = writing.rows("SELECT is_temporary FROM assistant_conversation ORDER BY id DESC LIMIT 1")
    assert bool(row[0])  # what people say is kept by the product that they use, and by no other
    [base_model] = product.rows("SELECT DISTINCT base_model FROM assistant_generation")
    assert base_model == ("base",)


async def test_who_stops_a_reply_stops_it_in_both(product: Product, writing: Product) -> None:
    async with PageClient(product.url) as page:
        reply = await page.ask("Stop me")
        await until(lambda: bool(reply.text))
        await page.send_stop(reply)
        await told(reply)

    await until(lambda: newest(writing)[0] == "cancelled")
    assert newest(product)[0] == "cancelled"
    assert newest(writing)[1] < TOKENS


@pytest.mark.parametrize("role", ["worker-interactive", "web"])
async def test_a_killed_process_of_the_writing_product_is_survived(
    product: Product, writing: Product, role: str
) -> None:
    async with PageClient(product.url) as page:
        reply = await page.ask(f"Survive {role}")
        await until(lambda: len(reply.text) > 20)
        writing.send_signal(role, signal.SIGKILL)

        assert await told(reply) == scripted_text(f"Survive {role}", TOKENS)


async def test_a_killed_worker_of_the_asking_product_is_survived(product: Product) -> None:
    async with PageClient(product.url) as page:
        reply = await page.ask("Survive")
        await until(lambda: len(reply.text) > 20)
        product.send_signal("worker-interactive", signal.SIGKILL)

        assert await told(reply) == scripted_text("Survive", TOKENS)
    assert newest(product)[:2] == ("completed", TOKENS)


def test_the_doctor_names_the_server_and_hides_the_key(product: Product, writing: Product) -> None:
    command = [sys.executable, "manage.py", "doctor"]
    said = subprocess.run(
        command, cwd=ROOT, env=product.environment, capture_output=True, text=True, check=False
    ).stdout

    assert f"base at {writing.url}/v1" in said
    assert "UPSTREAM_API_KEY=***" in said
    assert product.environment["UPSTREAM_API_KEY"] not in said
