"""What an interactive worker does besides running the engine: claim replies, beat, checkpoint, commit, hand back.

All of a worker's database work happens in this one thread, in rounds; a round that the database refuses is simply
run again, while the engine goes on and the log writer keeps feeding the readers. This is also the sweeper: every
round looks for queued replies that nobody woke us for, and for running ones whose worker stopped beating.
"""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.db.models.functions import Now
from django.utils.module_loading import import_string
from uuid_utils.compat import uuid7

from assistant.chat import leases, organizing, sources
from assistant.chat.live_reply import LiveReply
from assistant.chat.models import Generation, Worker
from assistant.chat.signals import settled
from assistant.chat.writer import LogWriter
from assistant.knowledge.library import Library
from assistant.metrics import engines
from inference.contract import (
    Emit,
    Engine,
    EngineConfig,
    EngineInfo,
    GenerationRequest,
    Retriever,
    StreamEvent,
    UpstreamServer,
)

log = logging.getLogger(__name__)

ROUND_S = 0.25
BEAT_S = 1.0
LATE_S = 2.0  # a beat that comes later than this was held up, and then so may be everybody's
CHECKPOINT_S = 2.0
ERASE_S = 60.0
# An engine that completes no step for so long is hung; the process ends and others take over.
STALLED_S = 30.0
EXIT_CONFIG = 78  # sysexits.h EX_CONFIG: starting again would not help


class ReplyRunner:
    """One per worker process. `start` returns at once; the model is loaded while the worker already beats.

    `duties` are what layers above have a worker do besides: called after each round once the model is loaded, in the
    same thread, with this runner; one that fails holds up no reply.
    """

    def __init__(
        self, engine: Engine, max_running: int, duties: Sequence[Duty] = (), library: Library | None = None
    ) -> None:
        self._engine = engine
        self._duties = duties
        self._library = library
        self.unusable_adapters: set[UUID] = set()  # which a duty has found that this engine cannot use
        self._max_running = max_running
        self._info: EngineInfo | None = None
        self._worker_id: UUID = uuid7()
        self._replies: dict[UUID, LiveReply] = {}
        self._work = threading.Event()
        self._draining = threading.Event()
        self._writer = LogWriter(on_change=self.wake)
        self._stop_publishing: Callable[[], None] = lambda: None
        self._aside: dict[str, Emit] = {}
        self._thread = threading.Thread(target=self._run, name="reply-runner")
        self._beating_since: float | None = None
        self._is_beat_due = True
        self._last_beat = self._last_checkpoint = self._last_erasure = 0.0

    @property
    def engine(self) -> Engine:
        return self._engine

    @property
    def library(self) -> Library | None:
        return self._library

    @property
    def info(self) -> EngineInfo:
        assert self._info is not None
        return self._info

    @property
    def worker_id(self) -> UUID:
        return self._worker_id

    @property
    def is_writing(self) -> bool:
        return bool(self._replies)

    def ask_aside(self, request: GenerationRequest, listen: Emit) -> None:
        """Have the engine answer what is nobody's reply; `listen` gets the events, in the engine's thread."""
        self._aside[request.generation_id] = listen
        self._engine.submit(request)

    def start(self) -> None:
        self._writer.start()
        self._thread.start()
        threading.Thread(target=self._load, name="engine-load", daemon=True).start()

    def wake(self) -> None:
        self._work.set()

    def drain(self) -> None:
        """Claim nothing more, and hand running replies back so that others go on with them at once."""
        self._draining.set()
        self.wake()

    def join(self) -> None:
        self._thread.join(timeout=5)

    def _load(self) -> None:
        began = time.monotonic()
        try:
            info = self._engine.start(self._emit)
        except Exception as error:
            log.critical("the model cannot be used: %s", error, exc_info=not isinstance(error, OSError | ValueError))
            logging.shutdown()
            os._exit(EXIT_CONFIG)
        if self._library:
            self._library.start()
        self._info = info
        self._stop_publishing = engines.publish_regularly(self._worker_id, self._engine, info)
        gc.freeze()  # the model lives as long as the process: no collection needs to walk through it
        log.warning("%s is ready after %.1f s", info.base_model, time.monotonic() - began)
        self._is_beat_due = True
        self.wake()

    def _emit(self, event: StreamEvent) -> None:
        (self._aside.get(event.generation_id) or self._writer.emit)(event)
        if event.kind in ("finished", "failed"):
            self._aside.pop(event.generation_id, None)

    def _run(self) -> None:
        while not self._draining.is_set():
            self._work.wait(ROUND_S)
            self._work.clear()
            if self._engine.idle_for_s > STALLED_S:
                log.critical("the engine made no step for %.0f s; this worker ends", STALLED_S)
                os._exit(1)
            self._attempt(self._round)
            if self._info:
                for duty in self._duties:
                    self._attempt(partial(duty, self))
        self._engine.stop()
        self._attempt(self._end_replies)
        self._writer.stop()
        self._attempt(self._hand_back)
        connection.close()

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do a round of database work; when the database refuses, the next round does what this one left."""
        try:
            close_old_connections()
            work()
        except (DatabaseError, InterfaceError) as error:
            log.warning("the database does not answer; replies go on in memory: %s", str(error).strip())
            self._beating_since = None
            connection.close()
            time.sleep(ROUND_S)
        except Exception:
            log.exception("a round failed")
            time.sleep(ROUND_S)

    def _round(self) -> None:
        now = time.monotonic()
        if self._is_beat_due or now - self._last_beat >= BEAT_S:
            self._beat()
        self._end_replies()
        if now - self._last_checkpoint >= CHECKPOINT_S:
            self._checkpoint()
            self._last_checkpoint = now
        if now - self._last_erasure >= ERASE_S:
            organizing.erase_deleted()
            self._last_erasure = now
        if self._replies:
            for generation_id in leases.cancelled(self._worker_id):
                self._engine.cancel(str(generation_id))
        if self._info:
            if self._library:
                self._library.refresh()
            self._claim()

    def _beat(self) -> None:
        self._is_beat_due = False
        state = Worker.State.READY if self._info else Worker.State.STARTING
        Worker.objects.update_or_create(
            pk=self._worker_id,
            defaults={
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "state": state,
                "engine": settings.INFERENCE_ENGINE,
                "base_model": self._info.base_model if self._info else "",
                "base_model_sha256": self._info.base_model_sha256 if self._info else "",
                "beat_at": Now(),
            },
        )
        now = time.monotonic()
        is_late = now - self._last_beat > LATE_S
        self._last_beat = now
        if self._beating_since is None or is_late:
            self._beating_since = now
            Worker.objects.filter(beat_at__lt=Now() - timedelta(hours=1)).delete()

    def _may_take_over(self) -> bool:
        """After an outage of the database everybody's beats are old: wait until the living have had time to beat."""
        now = time.monotonic()
        since = self._beating_since
        return since is not None and now - since >= leases.DEAD_AFTER_S and now - self._last_beat <= LATE_S

    def _claim(self) -> None:
        assert self._info is not None
        free = self._max_running - len(self._replies)
        for generation in leases.waiting(free, self._may_take_over(), self._worker_id, self._replies):
            try:
                claimed = leases.claim(generation, self._worker_id, self._info, self.unusable_adapters)
            except redis.RedisError:
                return  # what was begun waits for Redis, and so does all that was asked for later
            if claimed is None:
                continue
            reply, request = claimed
            found = sources.settle(generation, reply, request, self._library)
            settled.send(sender=None, generation=generation)
            self._replies[reply.generation_id] = reply
            self._writer.add(reply)
            if reply.is_served:
                for event in sources.spoken(reply, generation.knowledge, found):
                    self._writer.emit(event)
            else:
                self._engine.submit(sources.with_context(request, found, self._info.context_length))

    def _checkpoint(self) -> None:
        moved = []
        for reply in self._replies.values():
            seq, token_ids, text = self._writer.position(reply)
            if seq > reply.saved_seq:
                moved.append((reply, leases.Checkpoint(seq, token_ids, text)))
        leases.save(moved, self._info)

    def _end_replies(self) -> None:
        for reply in list(self._replies.values()):
            if reply.is_fenced_out:
                log.warning("generation %s was taken over by another worker", reply.generation_id)
                self._engine.cancel(str(reply.generation_id))
                self._forget(reply)
            elif reply.ending:
                if reply.ending.failure and reply.ending.failure.code == leases.UNUSABLE:
                    self._note_unusable(reply)
                outcome = leases.end(reply, reply.ending, self._info)
                del self._replies[reply.generation_id]
                if outcome:
                    self._writer.close(reply, outcome.kind, outcome.data)
                else:
                    self._writer.forget(reply.generation_id)

    def _note_unusable(self, reply: LiveReply) -> None:
        """A reply may be the first to ask for an adapter here; the next attempt must not run into the same."""
        adapter = Generation.objects.filter(pk=reply.generation_id).values_list("adapter_id", flat=True).first()
        if adapter:
            self.unusable_adapters = self.unusable_adapters | {adapter}

    def _forget(self, reply: LiveReply) -> None:
        self._writer.forget(reply.generation_id)
        del self._replies[reply.generation_id]

    def _hand_back(self) -> None:
        self._stop_publishing()
        self._checkpoint()
        leases.release([reply for reply in self._replies.values() if not reply.is_fenced_out])
        Worker.objects.filter(pk=self._worker_id).delete()


Duty = Callable[[ReplyRunner], None]
_runner: ReplyRunner | None = None


def start(duties: Sequence[Duty] = ()) -> ReplyRunner:
    """Start this process's runner with the engine that the settings name."""
    global _runner
    engine_class: type[Engine] = import_string(settings.INFERENCE_ENGINE)
    engine = engine_class(_engine_config())  # type: ignore[call-arg]  # a Protocol has no constructor; its docstring states this one
    _runner = ReplyRunner(engine, settings.ENGINE_MAX_RUNNING, duties, _library())
    _runner.start()
    return _runner


def wake() -> None:
    if _runner:
        _runner.wake()


def _library() -> Library | None:
    if settings.APPROVED_ANSWERS == "off":
        return None
    retriever_class: type[Retriever] = import_string(settings.INFERENCE_RETRIEVER)
    return Library(retriever_class(settings.EMBEDDER_PATH))  # type: ignore[call-arg]  # as above


def _engine_config() -> EngineConfig:
    return EngineConfig(
        model=settings.MODEL_PATH,
        dtype=settings.ENGINE_DTYPE,
        threads=settings.ENGINE_THREADS,
        max_running=settings.ENGINE_MAX_RUNNING,
        context_length=settings.CONTEXT_LENGTH,
        backend=settings.ENGINE_BACKEND,
        cache_mib=settings.ENGINE_CACHE_MIB,
        upstream=_upstream() if settings.UPSTREAM_URL else None,
    )


def _upstream() -> UpstreamServer:
    return UpstreamServer(
        url=settings.UPSTREAM_URL,
        model=settings.UPSTREAM_MODEL,
        api_key=settings.UPSTREAM_API_KEY,
        resume=settings.UPSTREAM_RESUME,
    )
