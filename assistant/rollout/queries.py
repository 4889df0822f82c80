"""Reads about what answers, what is on its way to it, and which worker has it ready."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F, Max, Q, QuerySet
from django.db.models.functions import Now

from assistant.adapters.models import Adapter
from assistant.chat.leases import DEAD_AFTER_S
from assistant.chat.models import Worker
from assistant.feedback.models import FeedbackEvent
from assistant.rollout import sequential
from assistant.rollout.models import Rollout, ServingAck

# A canary is planned to find this rise of the share of good ratings, within so many days at half of all people.
EFFECT = 0.10
PLANNED_DAYS = 28
# What the share is taken for while few have rated.
USUAL_RATE = 0.6
FEW_RATERS = 20
# How long a step waits for workers to load an adapter.
LOAD_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker whose heart beats, and what it says of an adapter: `loading` until it has said anything."""

    worker: Worker
    state: str  # ready, refused, loading, starting
    reason: str = ""


def full() -> Rollout | None:
    """What answers now, where it was ever decided."""
    return Rollout.objects.filter(end="", stage=Rollout.Stage.FULL).select_related("adapter", "previous").first()


def candidate(*, is_locked: bool = False) -> Rollout | None:
    """What is on its way, in shadow or as a canary."""
    rows = Rollout.objects.filter(end="").exclude(stage=Rollout.Stage.FULL)
    if is_locked:
        rows = rows.select_for_update(of=("self",))
    return rows.select_related("adapter", "previous", "evaluation").first()


def adapters_to_serve(base_model_sha256: str) -> list[Adapter]:
    """What each worker keeps loaded: what answers, what is on its way, and what answered before, so that going back
    loads nothing."""
    live, on_its_way = full(), candidate()
    before = [live.previous] if live else []
    wanted = [*before, *([on_its_way.adapter] if on_its_way else [])]
    ids = {adapter.pk for adapter in wanted if adapter}
    rows = Adapter.objects.filter(Q(state=Adapter.State.LIVE) | Q(pk__in=ids))
    return list(rows.filter(base_model_sha256=base_model_sha256).order_by("id"))


def newest_number() -> int:
    return Rollout.objects.aggregate(newest=Max("number"))["newest"] or 0


def workers_with(adapter: Adapter) -> list[WorkerState]:
    """What each living worker says of an adapter; one with another base model could not use it and is left out."""
    acks = {ack.worker_id: ack for ack in ServingAck.objects.filter(adapter=adapter)}
    found = []
    for worker in _beating().order_by("started_at"):
        ack = acks.get(worker.pk)
        if worker.state != Worker.State.READY:
            found.append(WorkerState(worker, "starting"))
        elif worker.base_model_sha256 == adapter.base_model_sha256:
            state = "loading" if ack is None else "ready" if ack.ok else "refused"
            found.append(WorkerState(worker, state, ack.reason if ack else ""))
    return found


def is_loaded_nowhere(adapter: Adapter) -> bool:
    """Whether workers are there, and none can answer with it."""
    states = [found.state for found in workers_with(adapter)]
    return any(state != "starting" for state in states) and "ready" not in states


def wait_until_loaded(adapter: Adapter, patience_s: float = LOAD_PATIENCE_S) -> list[WorkerState]:
    """Wait until each living worker has said whether it can use the adapter, or no longer; not in a transaction."""
    give_up_at = time.monotonic() + patience_s
    while True:
        states = workers_with(adapter)
        if time.monotonic() > give_up_at or all(found.state in ("ready", "refused") for found in states):
            return states
        time.sleep(0.2)


def plan() -> tuple[int, int]:
    """How many pairs of people a canary needs, and how many the last weeks let one hope for."""
    given = FeedbackEvent.objects.filter(kind=FeedbackEvent.Kind.THUMB, at__gt=Now() - timedelta(days=PLANNED_DAYS))
    values = given.filter(rater=F("conversation__owner")).exclude(value="").values_list("rater_id", "value")
    raters = {rater for rater, _ in values}
    rate = USUAL_RATE
    if len(raters) >= FEW_RATERS:
        good = sum(value == "up" for _, value in values) / len(values)
        rate = min(0.85, max(0.15, good))
    return sequential.pairs_needed(EFFECT, rate), len(raters) // 2


def _beating() -> QuerySet[Worker]:
    return Worker.objects.filter(beat_at__gt=Now() - timedelta(seconds=DEAD_AFTER_S))
