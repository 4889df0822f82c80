"""The thread that carries what the engine says to the token log.

It never holds the engine up: `emit` only appends to a deque. All replies go to Redis in one pipeline per round.
While Redis is away the entries wait in memory; when it is back, whatever it lost is sent again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from uuid import UUID

import redis

from assistant.chat import stream
from assistant.chat.live_reply import LiveReply
from inference.contract import StreamEvent

log = logging.getLogger(__name__)

# Pause between rounds: lets the deltas of many replies share a pipeline, and stays far below what an eye notices.
PACE_S = 0.02
RETRY_S = 0.2


class LogWriter:
    """`on_change` is called, from this thread, when a reply ended, was closed or was fenced out."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._events: deque[StreamEvent] = deque()
        self._replies: dict[str, LiveReply] = {}
        self._unlogged: set[LiveReply] = set()
        self._lock = threading.Lock()  # guards _replies and _unlogged against the runner
        self._work = threading.Event()
        self._stopping = False
        self._is_redis_down = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is there, once, and end."""
        self._stopping = True
        self._work.set()
        self._thread.join(timeout=3)

    def emit(self, event: StreamEvent) -> None:
        """Take an event from the engine's thread."""
        self._events.append(event)
        self._work.set()

    def add(self, reply: LiveReply) -> None:
        with self._lock:
            self._replies[str(reply.generation_id)] = reply
            if reply.base:
                self._unlogged.add(reply)

    def forget(self, generation_id: UUID) -> None:
        """Events of this generation that are still under way are dropped."""
        with self._lock:
            reply = self._replies.pop(str(generation_id), None)
            if reply:
                self._unlogged.discard(reply)

    def position(self, reply: LiveReply) -> tuple[int, tuple[int, ...], str]:
        """Last seq, token ids and text that belong together."""
        with self._lock:
            return reply.seq, tuple(reply.token_ids), reply.text

    def close(self, reply: LiveReply, kind: stream.EntryKind, data: dict[str, object]) -> None:
        """Append the terminal entry; the reply is forgotten once Redis has it."""
        with self._lock:
            reply.close(kind, data)
            self._unlogged.add(reply)
        self._work.set()

    def _run(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            changed = self._take_events()
            flushed = self._flush()
            if changed or flushed:
                self._on_change()
            if self._stopping:
                return
            time.sleep(RETRY_S if self._is_redis_down else PACE_S)
            if self._is_redis_down:
                self._work.set()

    def _take_events(self) -> bool:
        """Sort the waiting events into their replies; True when one of them ended."""
        by_reply: dict[str, list[StreamEvent]] = defaultdict(list)
        while self._events:
            event = self._events.popleft()
            by_reply[event.generation_id].append(event)
        ended = False
        with self._lock:
            for generation_id, events in by_reply.items():
                reply = self._replies.get(generation_id)
                if reply is None:
                    continue
                reply.take(events)
                self._unlogged.add(reply)
                ended = ended or reply.ending is not None
        return ended

    def _flush(self) -> bool:
        """Send what Redis lacks; True when a reply was closed or fenced out."""
        with self._lock:
            waiting = [(reply, *reply.unlogged()) for reply in self._unlogged]
        if not waiting:
            return False
        pipeline = stream.connection().pipeline(transaction=False)
        append = stream.append_script()
        for reply, after, entries in waiting:
            ttl = stream.ENDED_TTL_S if entries and entries[-1].kind in stream.TERMINAL else stream.RUNNING_TTL_S
            append(**stream.append_arguments(reply.generation_id, reply.fence, after, entries, ttl), client=pipeline)
        try:
            answers: list[int] = pipeline.execute()
        except redis.RedisError as error:
            if not self._is_redis_down:
                log.warning("Redis does not answer; replies wait in memory: %s", error)
            self._is_redis_down = True
            return False
        self._is_redis_down = False
        changed = False
        with self._lock:
            for (reply, _, entries), last in zip(waiting, answers, strict=True):
                if last == stream.FENCED_OUT:
                    reply.is_fenced_out = changed = True
                    self._drop(reply)
                    continue
                reply.logged_seq = last
                if entries and last < entries[-1].seq:
                    self._work.set()  # Redis lost its tail: the next round sends again from there
                elif reply.is_closed and last >= reply.seq:
                    self._drop(reply)
                    changed = True
                elif last >= reply.seq:
                    self._unlogged.discard(reply)
        return changed

    def _drop(self, reply: LiveReply) -> None:
        self._unlogged.discard(reply)
        self._replies.pop(str(reply.generation_id), None)
