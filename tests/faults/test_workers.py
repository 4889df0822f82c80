"""Workers die, freeze and come back: another goes on where they were."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.client import PageClient
from tests.faults.evidence import assert_nothing_lost, until_done, until_words
from tests.product import Product

pytestmark = pytest.mark.faults


async def test_the_only_worker_is_killed(product: Product) -> None:
    async with PageClient(product.url) as page:
        reply = await page.ask("What is a tide?")
        await until_words(reply, 20)
        product.send_signal("worker-interactive", signal.SIGKILL)
        await until_done(reply)

        await assert_nothing_lost(page, reply)
    assert reply.longest_gap_s <= 8.0 * product.slowness


async def test_a_frozen_worker_wakes_after_another_took_over(product: Product) -> None:
    async with PageClient(product.url) as page:
        reply = await page.ask("What is a tide?")
        await until_words(reply, 20)
        with product.beside("worker-interactive"):
            product.send_signal("worker-interactive", signal.SIGSTOP)
            shown = len(reply.text)
            async with asyncio.timeout(20):
                while len(reply.text) < shown + 30:
                    await asyncio.sleep(0.05)
            product.send_signal("worker-interactive", signal.SIGCONT)
            await until_done(reply)
            await asyncio.sleep(1)  # what the late worker may still try

            await assert_nothing_lost(page, reply)
    assert reply.longest_gap_s <= 8.0 * product.slowness


async def test_web_and_worker_are_restarted_in_turn_under_load(product: Product) -> None:
    async def converse() -> None:
        async with PageClient(product.url) as page:
            for question in ("What is a tide?", "And the moon?"):
                reply = await page.ask(question)
                await until_done(reply)
                await assert_nothing_lost(page, reply)
                assert reply.longest_gap_s <= 8.0 * product.slowness

    async def restart_in_turn() -> None:
        for role in ("web", "worker-interactive", "web", "worker-interactive"):
            await asyncio.sleep(3)
            product.send_signal(role, signal.SIGTERM)

    async with asyncio.TaskGroup() as group:
        group.create_task(restart_in_turn())
        for _ in range(20):
            group.create_task(converse())


async def test_everything_stops_in_the_middle_of_a_reply_and_goes_on_after_a_new_start(product: Product) -> None:
    async with PageClient(product.url) as page:
        reply = await page.ask("What is a tide?")
        await until_words(reply, 20)
        product.stop()
        product.start()
        await until_done(reply)

        await assert_nothing_lost(page, reply)
