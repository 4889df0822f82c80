"""Sends what stands in an outbox: each row is claimed by compare-and-set, and a claim already names the time of the
next attempt, so that what a dying process held is sent again by the next one. At least once, in no certain order."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.db.models import QuerySet
from django.utils import timezone

from assistant.desk.models import Outgoing
from assistant.desk.outward import Answer

Row = TypeVar("Row", bound=Outgoing)

State = Outgoing.State
# After 5 s, 20 s, 80 s, 5 min, 21 min, 85 min and 6 h, each up to a fifth sooner or later: a receiver that comes back
# is not met by everything at once.
FIRST_WAIT_S, GROWTH, JITTER = 5.0, 4.0, 0.2
MAX_ATTEMPTS = 8
KEPT = timedelta(days=30)
GONE = 410


def due(rows: QuerySet[Row]) -> QuerySet[Row]:
    return rows.filter(state=State.WAITING, due_at__lte=timezone.now())


def send_next(rows: QuerySet[Row], send: Callable[[Row], Answer]) -> bool:
    """Send what of `rows` has been due longest; whether the receiver took it, so that more may follow at once."""
    row = due(rows).order_by("due_at", "pk").first()
    if row is None:
        return False
    waiting = type(row)._default_manager.filter(pk=row.pk, state=State.WAITING)
    claimed = waiting.filter(attempts=row.attempts, due_at=row.due_at)
    again_at = timezone.now() + timedelta(seconds=_wait_after(row.attempts + 1))
    if row.attempts >= MAX_ATTEMPTS:  # whoever made the last attempt did not live to say so
        claimed.update(state=State.FAILED)
        return True
    if not claimed.update(attempts=row.attempts + 1, due_at=again_at):
        return True  # another worker has it
    answer = send(row)
    own = waiting.filter(attempts=row.attempts + 1)
    told = {"status": answer.status, "answer": answer.text}
    if answer.is_taken:
        own.update(state=State.DELIVERED, delivered_at=timezone.now(), **told)
    elif row.attempts + 1 >= MAX_ATTEMPTS or answer.status == GONE:
        own.update(state=State.FAILED, **told)
    else:
        own.update(**told)
    return answer.is_taken


def forget_old(rows: QuerySet[Row]) -> None:
    """What was told or given up long ago."""
    rows.exclude(state=State.WAITING).filter(created_at__lt=timezone.now() - KEPT).delete()


def _wait_after(attempts: int) -> float:
    """Seconds."""
    return FIRST_WAIT_S * GROWTH ** (attempts - 1) * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # nosec B311  # no secret
