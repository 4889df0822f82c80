"""A message is stored once, however often and from wherever it is sent."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.client import PageClient, Reply
from tests.faults.evidence import assert_nothing_lost, until_done
from tests.product import Product

pytestmark = pytest.mark.faults


async def test_fifty_submits_at_once_and_again_after_a_restart(product: Product) -> None:
    async with PageClient(product.url) as first:
        cookies = dict(first.http.cookies.items())
        id_ = str(uuid4())
        answers = await _submit_everywhere(product, cookies, id_)
        product.stop()
        product.start()
        answers += await _submit_everywhere(product, cookies, id_)

        assert len(answers) == 100
        assert all(answer == answers[0] for answer in answers)
        reply = Reply(id_, "What is a tide?", 0.0, ids=answers[0])
        first.replies[id_] = reply
        await first.drop()
        await until_done(reply)
        await assert_nothing_lost(first, reply)
        conversations = (await first.http.get("/api/conversations")).json()["items"]
        assert len(conversations) == 1


async def _submit_everywhere(product: Product, cookies: dict[str, str], id_: str) -> list[dict[str, Any]]:
    """Send one message from 50 pages of the same person at once."""

    async def submit() -> dict[str, Any]:
        async with PageClient(product.url, cookies) as page:
            reply = Reply(id_, "What is a tide?", 0.0)
            page.replies[id_] = reply
            async with asyncio.timeout(30):
                await page.send_again(reply)
                while not reply.is_accepted:
                    await asyncio.sleep(0.02)
            return reply.ids

    return await asyncio.gather(*(submit() for _ in range(50)))
