"""Begins to learn by itself, at set times or when enough has been approved: snapshot and training, which its evaluation
follows. Nothing is put live here.

Whoever makes the row of an occasion decides it; so it is decided once, however many workers look.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from assistant.audit import chain
from assistant.errors import AssistantError
from assistant.feedback.models import Review
from assistant.finetuning import examples, snapshots
from assistant.finetuning.models import DatasetSnapshot, Example
from assistant.finetuning.runs.models import EvaluationRun, LearningStart, TrainingRun
from assistant.finetuning.runs.training import request_training

log = logging.getLogger(__name__)

Cause = LearningStart.Cause

# Fewer are not worth a training: docs/decisions/0014-life-of-feedback.md.
MINIMUM = 30
# A machine that was off at the set time makes up for it, but not at any time later.
CATCH_UP = timedelta(hours=12)
# Longer than examples and a snapshot take to be made; then whoever began has died.
CLAIMED_FOR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Status:
    """`approved`: answers that may be learned from; `fresh`: those of them that no training has seen. `threshold` 0 and
    `next_due` None: off. `why_not` are codes of what stands in the way, [] when it begins at the next look."""

    approved: int
    minimum: int
    fresh: int
    threshold: int
    next_due: datetime | None
    is_working: bool
    last: LearningStart | None
    why_not: list[str]


def status(now: datetime | None = None) -> Status:
    """Where learning stands, counted by what was decided; what is held back or taken back shows when it begins."""
    now = now or timezone.now()
    schedule, threshold = settings.LEARNING_SCHEDULE, settings.LEARNING_THRESHOLD
    since = _newest_trained()
    approved, fresh = _approved_answers(None), _approved_answers(since.created_at if since else None)
    is_working = any(model.objects.filter(state__in=model.ACTIVE).exists() for model in (TrainingRun, EvaluationRun))
    reasons = {
        "off": not schedule and not threshold,
        "working": is_working,
        "too_few": approved < MINIMUM,
        "nothing_new": not fresh,
        "not_due": bool(schedule or threshold) and not _occasions(now, since, fresh),
    }
    return Status(
        approved=approved,
        minimum=MINIMUM,
        fresh=fresh,
        threshold=threshold,
        next_due=schedule.next_due(now) if schedule else None,
        is_working=is_working,
        last=LearningStart.objects.select_related("run").order_by("-claimed_at").first(),
        why_not=[why for why, holds in reasons.items() if holds],
    )


def begin_if_due(now: datetime | None = None) -> LearningStart | None:
    """Begin what is due, unless another worker does."""
    now = now or timezone.now()
    if not (settings.LEARNING_SCHEDULE or settings.LEARNING_THRESHOLD) or status(now).why_not:
        return None
    since = _newest_trained()
    for cause, occasion in _occasions(now, since, _approved_answers(since.created_at if since else None)):
        if start := _claim(cause, occasion, now):
            return _begin(start)
    return None


def _occasions(now: datetime, since: DatasetSnapshot | None, fresh: int) -> list[tuple[LearningStart.Cause, str]]:
    """What is due now and was not decided before."""
    found = []
    if schedule := settings.LEARNING_SCHEDULE:
        due = schedule.last_due(now)
        if now - due < min(CATCH_UP, schedule.every):
            found.append((Cause.SCHEDULE, f"{due:%Y-%m-%dT%H:%MZ}"))
    if threshold := settings.LEARNING_THRESHOLD:
        # What came to nothing is tried again when as many again have come.
        times = fresh // threshold
        if times:
            found.append((Cause.THRESHOLD, f"{since.sha256 if since else 'first'} +{times * threshold}"))
    done = LearningStart.objects.exclude(outcome="").filter(occasion__in=[occasion for _, occasion in found])
    decided = set(done.values_list("occasion", flat=True))
    return [each for each in found if each[1] not in decided]


def _claim(cause: LearningStart.Cause, occasion: str, now: datetime) -> LearningStart | None:
    start, is_new = LearningStart.objects.get_or_create(occasion=occasion, defaults={"cause": cause, "claimed_at": now})
    if is_new:
        return start
    abandoned = LearningStart.objects.filter(pk=start.pk, outcome="", claimed_at__lt=now - CLAIMED_FOR)
    if not abandoned.update(claimed_at=now):
        return None
    start.claimed_at = now
    return start


def _begin(start: LearningStart) -> LearningStart:
    log.warning("learning begins by itself: %s", start)
    try:
        examples.build()
        count = Example.objects.filter(kind=Example.Kind.SFT, status=Example.Status.APPROVED).count()
        if count < MINIMUM:
            raise AssistantError("learning.too_few", count=count, minimum=MINIMUM)
        snapshot = snapshots.build()
        if TrainingRun.objects.filter(snapshot=snapshot, is_dry_run=False).exists():
            raise AssistantError("learning.nothing_new")
        _queue(start, snapshot)
    except AssistantError as error:
        log.warning("learning did not begin: %s", error)
        _end(start, outcome=error.code)
    start.refresh_from_db()
    return start


@transaction.atomic
def _queue(start: LearningStart, snapshot: DatasetSnapshot) -> None:
    run = request_training(None, snapshot)
    if not _end(start, outcome=LearningStart.QUEUED, run=run):
        transaction.set_rollback(True)  # it took so long that another worker has begun
        return
    chain.record(None, "training.begun_by_itself", "snapshot", snapshot.sha256, after={"cause": start.cause})


def _end(start: LearningStart, **outcome: Any) -> bool:
    return bool(LearningStart.objects.filter(pk=start.pk, claimed_at=start.claimed_at, outcome="").update(**outcome))


def _newest_trained() -> DatasetSnapshot | None:
    run = TrainingRun.objects.filter(is_dry_run=False).select_related("snapshot").order_by("-created_at").first()
    return run.snapshot if run else None


def _approved_answers(since: datetime | None) -> int:
    reviews: QuerySet[Review] = Review.objects.filter(
        state__in=(Review.State.ACCEPTED, Review.State.EDITED),
        conversation__deleted_at=None,
        conversation__training_consent_at__isnull=False,
        conversation__owner__training_consent_at__isnull=False,
    ).exclude(answer="")
    imports = Example.objects.filter(
        kind=Example.Kind.SFT, source=Example.Source.IMPORT, status=Example.Status.APPROVED
    )
    if since:
        reviews, imports = reviews.filter(decided_at__gt=since), imports.filter(created_at__gt=since)
    return reviews.count() + imports.count()
