"""Keeps a worker's engine ready to answer with what rollouts need, and tells the others how far it is.

An adapter is loaded beside the live one before any reply asks for it. One that this engine cannot use is said so
(ServingAck), tried again later, and meanwhile not used here: replies that were meant for it are written with the live
one.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from uuid import UUID

from assistant.adapters.models import Adapter
from assistant.adapters.registry import reference_to
from assistant.chat.runner import ReplyRunner
from assistant.rollout import queries
from assistant.rollout.models import ServingAck
from inference.contract import AdapterError, AdapterRef, Engine

log = logging.getLogger(__name__)

# How soon a worker follows.
ROUND_S = 0.5
RETRY_S = 30.0


@dataclass(slots=True)
class Loaded:
    """How an adapter stands with this worker's engine: `is_ready` None while it is being loaded."""

    is_ready: bool | None = None
    is_retry: bool = False
    reason: str = ""
    ended_at: float = 0.0
    told: tuple[bool | None, str, int] | None = None  # what was last written of it


class AdapterKeeper:
    """A duty of one worker (chat/runner.py)."""

    def __init__(self) -> None:
        self._kept: dict[UUID, Loaded] = {}
        self._next_at = 0.0

    def __call__(self, runner: ReplyRunner) -> None:
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + ROUND_S
        wanted = {adapter.pk: adapter for adapter in queries.adapters_to_serve(runner.info.base_model_sha256)}
        number = queries.newest_number()
        self._let_go(runner, wanted)
        for adapter in wanted.values():
            state = self._kept.get(adapter.pk)
            if state is None or (state.is_ready is False and now - state.ended_at > RETRY_S):
                self._load(runner.engine, adapter)
        unusable = set()
        for adapter_id, state in self._kept.items():
            # Read once: the thread that loads may end at any moment, and what is told must be what is done.
            is_ready = state.is_ready
            if is_ready is False or (is_ready is None and state.is_retry):
                unusable.add(adapter_id)
            if is_ready is not None:
                self._tell(runner.worker_id, adapter_id, state, (is_ready, state.reason[:500], number))
        runner.unusable_adapters = unusable

    def _let_go(self, runner: ReplyRunner, wanted: dict[UUID, Adapter]) -> None:
        gone = self._kept.keys() - wanted.keys()
        if gone:
            ServingAck.objects.filter(worker=runner.worker_id, adapter__in=gone).delete()
        for adapter_id in gone:
            del self._kept[adapter_id]
        if gone or self._kept.keys() != wanted.keys():
            # First, so that the engine does not take out at once what is loaded next.
            runner.engine.keep_adapters([adapter.sha256 for adapter in wanted.values()])

    def _load(self, engine: Engine, adapter: Adapter) -> None:
        before = self._kept.get(adapter.pk)
        state = self._kept[adapter.pk] = Loaded(is_retry=before is not None, told=before.told if before else None)
        reference = reference_to(adapter)
        assert reference is not None
        threading.Thread(target=_load, args=(engine, reference, state), name="adapter-load", daemon=True).start()

    def _tell(self, worker_id: UUID, adapter_id: UUID, state: Loaded, news: tuple[bool, str, int]) -> None:
        if news != state.told:
            said = dict(zip(("ok", "reason", "number"), news, strict=True))
            ServingAck.objects.update_or_create(worker_id=worker_id, adapter_id=adapter_id, defaults=said)
            state.told = news


def _load(engine: Engine, reference: AdapterRef, state: Loaded) -> None:
    """Runs beside the worker's rounds: a large adapter takes a while."""
    began = time.monotonic()
    try:
        reason, is_ready = engine.load_adapter(reference), True
    except AdapterError as error:
        reason, is_ready = str(error), False
        log.error(
            "the adapter %s cannot be used by this worker, others answer in its place: %s", reference.sha256[:12], error
        )
    else:
        log.info("the adapter %s was ready after %.1f s. %s", reference.sha256[:12], time.monotonic() - began, reason)
    state.reason, state.ended_at, state.is_ready = reason, time.monotonic(), is_ready
