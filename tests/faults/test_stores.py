"""Valkey and PostgreSQL die and come back: replies wait in memory, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.runtime.valkey import EmbeddedValkey
from tests.client import PageClient
from tests.faults.evidence import SCRIPT, assert_nothing_lost, until_done, until_words
from tests.postgresql import PostgreSQL
from tests.product import Product

pytestmark = pytest.mark.faults


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path, tmp_path / "valkey.sock") as server:
        yield server


@pytest.fixture
def postgresql() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


async def test_valkey_is_killed_and_comes_back_after_three_seconds(own_valkey: EmbeddedValkey) -> None:
    with Product(SCRIPT, REDIS_URL=own_valkey.url) as product:
        async with PageClient(product.url) as page, PageClient(product.url) as other:
            reply = await page.ask("What is a tide?")
            await until_words(reply, 20)
            own_valkey.kill()
            meanwhile = await other.ask("Asked while Redis was away")
            await asyncio.sleep(3)
            own_valkey.start()
            await until_done(reply, meanwhile)

            await assert_nothing_lost(page, reply)
            await assert_nothing_lost(other, meanwhile)
    assert reply.longest_gap_s <= 3.0 + 5.0 * product.slowness


async def test_valkey_loses_everything(own_valkey: EmbeddedValkey) -> None:
    with Product(SCRIPT, REDIS_URL=own_valkey.url) as product:
        async with PageClient(product.url) as page:
            reply = await page.ask("What is a tide?")
            await until_words(reply, 20)
            own_valkey.kill()
            for file in own_valkey.folder.glob("appendonlydir/*"):
                file.unlink()
            own_valkey.start()
            await until_done(reply)

            await assert_nothing_lost(page, reply)


async def test_postgresql_restarts_at_once(postgresql: PostgreSQL) -> None:
    with Product(SCRIPT, DATABASE_URL=postgresql.url) as product:
        async with PageClient(product.url) as page, PageClient(product.url) as other:
            reply = await page.ask("What is a tide?")
            await until_words(reply, 20)
            restarting = asyncio.create_task(asyncio.to_thread(postgresql.restart_immediately))
            meanwhile = await other.ask("Asked while the database was away")
            await restarting
            await until_done(reply, meanwhile)

            await assert_nothing_lost(page, reply)
            await assert_nothing_lost(other, meanwhile)
            for _ in range(10):
                await page.stored(reply)  # no consumer or connection is stuck
    assert reply.longest_gap_s <= 5.0 * product.slowness
