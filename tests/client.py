"""A page without a browser: keeps the rules of docs/protocol.md, reconnects by itself, and remembers all it was told.

What it remembers is the evidence: every event in the order it came, so that a word lost, doubled or changed after it
was shown can be found.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self
from uuid import uuid4

import httpx2
import websockets
from websockets.asyncio.client import ClientConnection, connect


@dataclass
class Reply:
    """One reply as this page sees it."""

    client_message_id: str
    question: str
    sent_at: float
    conversation_id: str | None = None
    parent_id: str | None = None
    ids: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    seq: int = 0
    ends: list[dict[str, Any]] = field(default_factory=list)
    resets: int = 0  # snapshots that changed what had been shown
    event_times: list[float] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_accepted(self) -> bool:
        return bool(self.ids)

    @property
    def gaps_s(self) -> list[float]:
        """How long the person waited for each event."""
        return [b - a for a, b in pairwise([self.sent_at, *self.event_times])]

    @property
    def longest_gap_s(self) -> float:
        return max(self.gaps_s, default=0.0)

    def take(self, event: dict[str, Any]) -> bool:
        """Apply an event; False when something before it is missing."""
        if event["seq"] <= self.seq:
            return True
        if event["kind"] != "snapshot" and event["after_seq"] > self.seq:
            return False
        self.seq = event["seq"]
        self.event_times.append(time.monotonic())
        if event["kind"] == "delta":
            self.text += event["delta"]
        elif event["kind"] == "snapshot":
            self.resets += not event["text"].startswith(self.text)
            self.text = event["text"]
        elif event["kind"] in ("finished", "failed"):
            self.ends.append(event)
            self.done.set()
        return True

    @property
    def is_whole(self) -> bool:
        """The text shown is the text that the server says it stored."""
        return bool(self.ends) and self.ends[0]["text_sha256"] == hashlib.sha256(self.text.encode()).hexdigest()


class PageClient:
    """One guest with one socket. `async with PageClient(url) as page: reply = await page.ask("Hello")`."""

    def __init__(self, url: str, cookies: dict[str, str] | None = None) -> None:
        self.url = url
        self.http = httpx2.AsyncClient(base_url=url, timeout=30, cookies=cookies)
        self.replies: dict[str, Reply] = {}
        self.errors: list[dict[str, Any]] = []
        self.reconnects = 0
        self._socket: ClientConnection | None = None
        self._closing = False

    async def __aenter__(self) -> Self:
        if "sessionid" not in self.http.cookies:
            (await self.http.get("/")).raise_for_status()
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._closing = True
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        await self.http.aclose()

    async def ask(self, question: str, *, conversation_id: str | None = None, parent_id: str | None = None) -> Reply:
        """Send a message; it is sent again after every reconnect until the server has accepted it."""
        reply = Reply(str(uuid4()), question, time.monotonic(), conversation_id, parent_id)
        self.replies[reply.client_message_id] = reply
        await self.send_again(reply)
        return reply

    async def drop(self) -> None:
        """Cut the connection without a word, as a tunnel does."""
        if self._socket:
            self._socket.transport.abort()

    async def stored(self, reply: Reply) -> list[dict[str, Any]]:
        """The visible path as the server stores it, over HTTP."""
        answer = await self.http.get(f"/api/conversations/{reply.ids['conversation_id']}/messages")
        items: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
        return items

    async def _run(self) -> None:
        while not self._closing:
            with suppress(OSError, TimeoutError, websockets.WebSocketException):
                await self._read()
            self.reconnects += 1
            await asyncio.sleep(random.uniform(0.1, 0.5))

    async def _read(self) -> None:
        cookie = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        async with connect(
            self.url.replace("http", "ws", 1) + "/ws/chat/",
            additional_headers={"Cookie": cookie},
            origin=websockets.Origin(self.url),
            compression=None,
            open_timeout=5,
            proxy=None,
        ) as socket:
            self._socket = socket
            for reply in self.replies.values():
                if not reply.is_accepted:
                    await self.send_again(reply)
                elif not reply.ends:
                    await self._follow(reply)
            async for text in socket:
                await self._take(json.loads(text))

    async def _take(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "message.accepted":
                reply = self.replies[frame["client_message_id"]]
                assert reply.ids in ({}, frame), "one message was accepted as two"
                reply.ids = frame
            case "generation.event":
                reply = next(r for r in self.replies.values() if r.ids.get("generation_id") == frame["generation_id"])
                if not reply.take(frame):
                    await self._follow(reply)
            case "error":
                self.errors.append(frame)
                reply_or_none = self.replies.get(frame["ref"] or "")
                if frame["retryable"] and reply_or_none and not reply_or_none.is_accepted:
                    await asyncio.sleep(1)
                    await self.send_again(reply_or_none)

    async def send_again(self, reply: Reply) -> None:
        await self._send(
            "message.send",
            client_message_id=reply.client_message_id,
            conversation_id=reply.conversation_id,
            parent_id=reply.parent_id,
            text=reply.question,
        )

    async def _follow(self, reply: Reply) -> None:
        await self._send("generation.follow", generation_id=reply.ids["generation_id"], after_seq=reply.seq)

    async def send_stop(self, reply: Reply) -> None:
        await self._send("generation.stop", generation_id=reply.ids["generation_id"])

    async def _send(self, type_: str, **fields: Any) -> None:
        if self._socket:
            with suppress(websockets.ConnectionClosed):
                await self._socket.send(json.dumps({"type": type_, "v": 1, **fields}))
