"""What somebody who waits for a reply can be told: how many are before it, and whether anybody is there to write it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from django.db.models import QuerySet
from django.db.models.functions import Now

from assistant.chat.leases import DEAD_AFTER_S
from assistant.chat.models import Generation, Worker

Workers = Literal["ready", "starting", "none"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reply stands that no worker has taken yet."""

    ahead: int
    workers: Workers


def workers() -> Workers:
    """The best that can be said of the workers whose heart beats."""
    beating = Worker.objects.filter(beat_at__gt=Now() - timedelta(seconds=DEAD_AFTER_S))
    states = set(beating.values_list("state", flat=True))
    if Worker.State.READY in states:
        return "ready"
    return "starting" if Worker.State.STARTING in states else "none"


def place_of(generation: Generation) -> Place | None:
    """None when it does not wait. Replies being written are not before anybody: workers write many side by side."""
    if generation.state != Generation.State.QUEUED:
        return None
    return Place(waiting_before(generation).count(), workers())


def waiting_before(generation: Generation) -> QuerySet[Generation]:
    """Queued ones that are older. (PostgreSQL finds them by the small index of active generations.)"""
    return Generation.objects.filter(state=Generation.State.QUEUED, created_at__lt=generation.created_at)


def are_people_waiting() -> bool:
    """Whether any reply is being written or waits to be."""
    return Generation.objects.filter(state__in=Generation.ACTIVE).exists()
