"""What a person has not been told yet of what became of their feedback. It is kept nowhere, but read from what happened
since they looked last, so that what is undone is no news any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db.models import Exists, OuterRef

from assistant.accounts.models import Person
from assistant.feedback.models import Feedback, Review
from assistant.finetuning.models import Example, SnapshotItem
from assistant.finetuning.runs.models import TrainingRun
from assistant.outcomes.models import AskedAgain
from assistant.rollout.models import Rollout


@dataclass(frozen=True, slots=True)
class News:
    """The one thing most worth telling. `adapter`: the name of what is live. `verdict`: of the question that was asked
    again, where the news is about one alone."""

    kind: Literal["asked_again", "live", "declined"]
    count: int
    adapter: str = ""
    verdict: str = ""


def news_of(person: Person) -> News | None:
    """None: there is nothing that they have not seen."""
    since = person.outcomes_seen_at or person.date_joined
    return _asked_again(person.id, since) or _live(person.id, since) or _declined(person.id, since)


def _asked_again(person_id: UUID, since: datetime) -> News | None:
    rows = AskedAgain.objects.filter(
        state=AskedAgain.State.COMPLETED,
        finished_at__gt=since,
        message__conversation__owner=person_id,
        message__conversation__deleted_at=None,
    )
    # Each adapter that goes live is asked once more; that it answers as the one before did is no news.
    before = AskedAgain.objects.filter(
        message=OuterRef("message"),
        state=AskedAgain.State.COMPLETED,
        measured=OuterRef("measured"),
        finished_at__lt=OuterRef("finished_at"),
    )
    rows = rows.filter(~Exists(before))
    found = list(rows.select_related("adapter").order_by("-finished_at")[:100])
    if not found:
        return None
    return News("asked_again", len(found), found[0].adapter.name, found[0].verdict if len(found) == 1 else "")


def _live(person_id: UUID, since: datetime) -> News | None:
    rollout = Rollout.objects.filter(end="", stage=Rollout.Stage.FULL, stage_at__gt=since, adapter__isnull=False)
    live = rollout.select_related("adapter").first()
    if live is None or live.adapter is None:
        return None
    runs = TrainingRun.objects.filter(state=TrainingRun.State.COMPLETED, is_dry_run=False)
    earlier = Rollout.objects.filter(stage=Rollout.Stage.FULL, stage_at__lt=live.stage_at).values("adapter")
    was_live = runs.filter(adapter__in=earlier).exclude(adapter=live.adapter).values("snapshot")
    known = SnapshotItem.objects.filter(example=OuterRef("pk"), snapshot__in=was_live)
    learned = Example.objects.filter(
        ~Exists(known),
        person=person_id,
        snapshot_items__snapshot__in=runs.filter(adapter=live.adapter).values("snapshot"),
        snapshot_items__split=Example.Split.TRAIN,
        conversation__deleted_at=None,
    )
    count = learned.values("message").distinct().count()
    return News("live", count, live.adapter.name) if count else None


def _declined(person_id: UUID, since: datetime) -> News | None:
    """Only what still stands, and was not said anew."""
    rows = Review.objects.filter(
        person=person_id,
        state=Review.State.REJECTED,
        decided_at__gt=since,
        conversation__deleted_at=None,
        conversation__owner=person_id,
    )
    still = Feedback.objects.filter(person=person_id).values("message")
    pending = Review.objects.filter(person=person_id, state=Review.State.PENDING).values("message")
    count = rows.filter(message__in=still).exclude(message__in=pending).count()
    return News("declined", count) if count else None
