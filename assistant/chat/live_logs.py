"""Reads all live token logs of a web process through one connection.

A log is held in memory once per process, however many sockets follow it; a follower keeps only its position and
takes what is new when its socket is ready, so a slow client costs nothing. The same read carries hints.
"""

from __future__ import annotations

import asyncio
import json
import logging
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

import redis.asyncio
import redis.exceptions
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from assistant.chat.stream import HINTS_KEY, TERMINAL, LogEntry, log_key, seq_of

log = logging.getLogger(__name__)

BLOCK_MS = 2000  # below the connection's time-out, which would end the read otherwise
# Pause between reads: the entries of many logs then come in one answer.
PACE_S = 0.015
RETRY_S = 0.25
# So long a listener waits for the first answer of Redis at most.
BEGIN_S = 1.0

# Called with the conversation that changed, or None: any may have; and when a session of the person may have ended.
OnChange = Callable[[UUID | None], None]
OnSignOut = Callable[[], None]


class LiveLog:
    """One generation's log so far, kept as it came: numbers and bytes, which the garbage collector need not visit.
    (As 100,000 parsed entries they made it hold all streams up by 0.08 s at a time.)"""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.bodies: list[bytes] = []
        self.last_id = b"0-0"
        self.followers = 0
        self._waiting: set[asyncio.Future[bool]] = set()
        self._is_over = asyncio.Event()

    def after(self, seq: int) -> list[LogEntry]:
        """Entries beyond `seq`; from the newest snapshot on if there is one, since it replaces all before it."""
        entries: list[LogEntry] = []
        for index in range(bisect_right(self.seqs, seq), len(self.seqs)):
            entry = LogEntry.parse(self.seqs[index], self.bodies[index])
            if entry.kind == "snapshot":
                entries.clear()
            entries.append(entry)
        return entries

    async def news(self, seq: int, timeout_s: float) -> bool:
        """Wait until there is something beyond `seq`; False when `timeout_s` passed without."""
        if self.seqs and self.seqs[-1] > seq:
            return True
        # Once for each token of each follower: `asyncio.timeout` around an Event costs several times as much.
        loop = asyncio.get_running_loop()
        news: asyncio.Future[bool] = loop.create_future()
        timer = loop.call_later(timeout_s, _tell, news, False)
        self._waiting.add(news)
        try:
            return await news
        finally:
            timer.cancel()
            self._waiting.discard(news)

    async def rest(self, pause_s: float) -> None:
        """Let more text gather, so that it comes together; but nobody waits when the reply has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._is_over.wait()

    def add(self, rows: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        # A log that Redis lost is written again under the same ids, so the position stays good.
        self.last_id = rows[-1][0]
        for entry_id, fields in rows:
            self.seqs.append(seq_of(entry_id))
            self.bodies.append(fields[b"e"])
        if LogEntry.parse(self.seqs[-1], self.bodies[-1]).kind in TERMINAL:
            self._is_over.set()
        for news in self._waiting:
            _tell(news, True)


def _tell(news: asyncio.Future[bool], is_there: bool) -> None:
    if not news.done():
        news.set_result(is_there)


class LiveLogs:
    """One per event loop; `current()` gives it. The reading ends when nobody follows or listens."""

    def __init__(self) -> None:
        self._logs: dict[bytes, LiveLog] = {}
        self._listeners: dict[UUID, set[tuple[OnChange, OnSignOut]]] = defaultdict(set)
        self._control_key = f"parley:wake:{uuid4()}".encode()
        self._last_hint: Any = None
        self._has_begun = asyncio.Event()
        self._last_control = b"0-0"
        self._reader: asyncio.Task[None] | None = None
        self._is_blocked = False
        self._redis = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=3, retry=Retry(NoBackoff(), 0)
        )

    @contextmanager
    def follow(self, generation_id: UUID) -> Iterator[LiveLog]:
        """Keep the log of a generation in memory while inside."""
        key = log_key(generation_id).encode()
        live = self._logs.setdefault(key, LiveLog())
        live.followers += 1
        self._wake_reader()
        try:
            yield live
        finally:
            live.followers -= 1
            if not live.followers:
                del self._logs[key]

    @contextmanager
    def listen(self, owner_id: UUID, on_change: OnChange, on_sign_out: OnSignOut) -> Iterator[None]:
        """Pass the hints for this person on while inside."""
        listener = on_change, on_sign_out
        self._listeners[owner_id].add(listener)
        self._wake_reader()
        try:
            yield
        finally:
            self._listeners[owner_id].discard(listener)
            if not self._listeners[owner_id]:
                del self._listeners[owner_id]

    async def begin(self) -> None:
        """Wait until whoever listens misses no hint: what was hinted before the first read is known to nobody here."""
        with suppress(TimeoutError):
            async with asyncio.timeout(BEGIN_S):
                await self._has_begun.wait()
        self._has_begun.set()

    def _wake_reader(self) -> None:
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        elif self._is_blocked:
            self._is_blocked = False
            self._waking = asyncio.create_task(self._end_blocked_read())

    async def _end_blocked_read(self) -> None:
        with suppress(redis.exceptions.RedisError, OSError):
            await self._redis.xadd(self._control_key, {"v": 1}, maxlen=1, approximate=False)
            await self._redis.expire(self._control_key, 60)

    async def _read(self) -> None:
        try:
            while self._logs or self._listeners:
                try:
                    await self._read_once()
                    await asyncio.sleep(PACE_S)
                except (redis.exceptions.RedisError, OSError) as error:
                    log.warning("Redis does not answer; open replies wait: %s", error)
                    await asyncio.sleep(RETRY_S)
                    self._tell_everybody()
        finally:
            await self._redis.aclose()

    async def _read_once(self) -> None:
        if self._last_hint is None:
            newest = await self._redis.xrevrange(HINTS_KEY, count=1)
            self._last_hint = newest[0][0] if newest else b"0-0"
            if self._has_begun.is_set():  # somebody could not wait for this
                self._tell_everybody()
            self._has_begun.set()
        keys: dict[Any, Any] = {HINTS_KEY.encode(): self._last_hint, self._control_key: self._last_control}
        keys |= {key: live.last_id for key, live in self._logs.items()}
        self._is_blocked = True
        answer: Any = await self._redis.xread(keys, block=BLOCK_MS)
        self._is_blocked = False
        for key, rows in answer:
            if key == self._control_key:
                self._last_control = rows[-1][0]
            elif key == HINTS_KEY.encode():
                self._last_hint = rows[-1][0]
                for _, fields in rows:
                    self._pass_on(fields[b"e"])
            elif live := self._logs.get(key):
                live.add(rows)

    def _pass_on(self, body: bytes) -> None:
        hint = json.loads(body)
        for on_change, on_sign_out in self._listeners.get(UUID(hint["owner"]), ()):
            if hint["conversation"]:
                on_change(UUID(hint["conversation"]))
            else:
                on_sign_out()

    def _tell_everybody(self) -> None:
        """Hints may have been lost: everybody looks again."""
        for listeners in self._listeners.values():
            for on_change, _ in listeners:
                on_change(None)


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, LiveLogs] = WeakKeyDictionary()


def current() -> LiveLogs:
    return _by_loop.setdefault(asyncio.get_running_loop(), LiveLogs())
