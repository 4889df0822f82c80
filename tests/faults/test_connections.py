"""Connections break, web processes die, and some clients never read: nobody loses a word."""

from __future__ import annotations

import asyncio
import signal
import socket

import pytest

from tests.client import PageClient
from tests.faults.evidence import assert_nothing_lost, until_done, until_words
from tests.product import Product

pytestmark = pytest.mark.faults


async def test_a_socket_dropped_ten_times_in_one_reply(product: Product) -> None:
    async with PageClient(product.url) as page:
        reply = await page.ask("What is a tide?")
        for number in range(10):
            await until_words(reply, reply.text.count(" ") + 3)
            assert not reply.ends
            await page.drop()
            while page.reconnects <= number:
                await asyncio.sleep(0.01)
        await until_done(reply)

        await assert_nothing_lost(page, reply)
    assert reply.longest_gap_s <= 3.0 * product.slowness


async def test_the_web_process_is_killed(product: Product) -> None:
    async with PageClient(product.url) as page:
        reply = await page.ask("What is a tide?")
        await until_words(reply, 20)
        product.send_signal("web", signal.SIGKILL)
        await until_done(reply)

        await assert_nothing_lost(page, reply)
    assert reply.longest_gap_s <= 5.0 * product.slowness


async def test_a_hundred_clients_that_never_read_do_not_hold_up_twenty_that_do(product: Product) -> None:
    async with PageClient(product.url) as owner:
        reply = await owner.ask("What is a tide?")
        await until_words(reply, 3)
        before = product.processes()["web"].memory_info().rss
        deaf = [_open_and_never_read(product, owner, reply.ids["generation_id"]) for _ in range(100)]
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(_ask_and_check(product))
        await until_done(reply)
        await assert_nothing_lost(owner, reply)
        after = product.processes()["web"].memory_info().rss
        for each in deaf:
            each.close()
    assert after - before <= 100 * 1024 * 1024


async def _ask_and_check(product: Product) -> None:
    async with PageClient(product.url) as page:
        reply = await page.ask("What is a tide?")
        await until_done(reply)
        await assert_nothing_lost(page, reply)
        assert reply.longest_gap_s <= 3.0 * product.slowness


def _open_and_never_read(product: Product, owner: PageClient, generation_id: str) -> socket.socket:
    """A socket with the smallest buffer that asks for a reply and takes not a byte of anything."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", product.port))
    deaf.sendall(
        b"GET /ws/chat/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Origin: %s\r\nCookie: sessionid=%s\r\n\r\n"
        % (product.port, product.url.encode(), owner.http.cookies["sessionid"].encode())
    )
    frame = b'{"type":"generation.follow","v":1,"generation_id":"%s","after_seq":0}' % generation_id.encode()
    deaf.sendall(bytes([0x81, 0x80 | len(frame)]) + b"\x00" * 4 + frame)
    return deaf
