"""The database side of a run: who may work on it, how far it is, how it ended. Every write is a compare-and-set on the
fence, and the only clock is the database's, as in chat/leases.py."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Now

from assistant.finetuning.runs.models import Run

# A training step on a busy laptop may take seconds, its beat comes from another thread.
DEAD_AFTER_S = 30
MAX_ATTEMPTS = 3


def claim(kinds: Iterable[type[Run]]) -> Run | None:
    """Take the oldest run that needs a worker: a queued one, or one whose worker stopped beating."""
    died = Q(state=Run.State.RUNNING, beat_at__lt=Now() - timedelta(seconds=DEAD_AFTER_S))
    for model in kinds:
        for run in _objects(model).filter(Q(state=Run.State.QUEUED) | died).order_by("created_at")[:10]:
            if taken := _take(run):
                return taken
    return None


def beat(run: Run, progress: dict[str, Any]) -> bool:
    """Say that it is worked on, and how far it is. False when the lease is lost."""
    return bool(_own(run).update(beat_at=Now(), progress=progress))


def is_cancelled(run: Run) -> bool:
    return bool(_own(run).exclude(cancel_requested_at=None).exists())


def hand_back(run: Run) -> None:
    """Into the queue again; a worker that leaves in order does not use up an attempt."""
    _own(run).update(state=Run.State.QUEUED, beat_at=None, attempts=F("attempts") - 1)


def retry(run: Run, code: str, message: str) -> None:
    """Its process fell: into the queue again, or to its end after the last attempt."""
    is_last = When(attempts__gte=MAX_ATTEMPTS, then=Value(Run.State.FAILED))
    ended = When(attempts__gte=MAX_ATTEMPTS, then=Now())
    _own(run).update(
        state=Case(is_last, default=Value(Run.State.QUEUED)),
        finished_at=Case(ended, default=None),
        beat_at=None,
        error_code=code,
        error_message=message[:500],
    )


def end(run: Run, state: Run.State, **changes: Any) -> bool:
    """Commit the end once; False when the lease was lost."""
    return bool(_own(run).update(state=state, finished_at=Now(), **changes))


def _take(run: Run) -> Run | None:
    taken = (
        _objects(type(run))
        .filter(pk=run.pk, fence=run.fence, state__in=Run.ACTIVE)
        .update(
            state=Run.State.RUNNING,
            fence=run.fence + 1,
            attempts=F("attempts") + 1,
            beat_at=Now(),
            started_at=Coalesce("started_at", Now()),
            error_code="",
            error_message="",
        )
    )
    return _objects(type(run)).get(pk=run.pk) if taken else None


def _own(run: Run) -> Any:
    return _objects(type(run)).filter(pk=run.pk, fence=run.fence, state=Run.State.RUNNING)


def _objects(model: type[Run]) -> Any:
    return model._default_manager
