"""Reads the review queue as a list: what waits, who holds it, what was decided. No text of people stands in it: that is
read with a reason (reviews.py). So there is no search in texts either."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from assistant.accounts.models import Person
from assistant.chat.queries import Page
from assistant.errors import AssistantError
from assistant.feedback.models import Review
from assistant.feedback.queue import waiting_for

Holder = Literal["anybody", "nobody", "me"]


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """`holder` is who has taken it, until `held_until`, and `is_mine` whether that is who asks; `reviewer` is who
    decided, or of two approved first."""

    id: UUID
    cause: str
    state: str
    created_at: datetime
    decided_at: datetime | None
    holder: str
    held_until: datetime | None
    is_mine: bool
    reviewer: str
    second_reviewer: str


def counts(reviewer: Person) -> dict[str, int]:
    """How many wait for this reviewer, by cause, in the order of urgency."""
    found: Counter[str] = Counter()
    for cause, count in waiting_for(reviewer).order_by().values_list("cause").annotate(Count("id")):
        found[cause] = count
    return {cause: found[cause] for cause in Review.Cause.values}


def waiting(
    reviewer: Person,
    *,
    cause: Review.Cause | None = None,
    holder: Holder = "anybody",
    min_age: timedelta = timedelta(0),
    cursor: str | None = None,
    limit: int = 50,
) -> Page[ReviewRow]:
    """What this reviewer may judge, the most urgent first. Raises page.invalid_cursor."""
    now = timezone.now()
    is_held = Q(assigned_to__isnull=False, assigned_until__gte=now)
    rows = waiting_for(reviewer).filter(created_at__lte=now - min_age)
    if cause is not None:
        rows = rows.filter(cause=cause)
    if holder != "anybody":
        rows = rows.filter(is_held, assigned_to=reviewer) if holder == "me" else rows.exclude(is_held)
    if cursor:
        after, id_ = [*cursor.split("."), ""][:2]
        rows = rows.filter(Q(cause__gt=after) | Q(cause=after, id__gt=_id(id_)))
    return _page(reviewer, rows, limit, lambda last: f"{last.cause}.{last.id}")


def decided(reviewer: Person, *, cursor: str | None = None, limit: int = 50) -> Page[ReviewRow]:
    """What this reviewer decided; for an administrator, what anybody did. The newest first. Raises
    page.invalid_cursor."""
    rows = Review.objects.exclude(state=Review.State.PENDING).filter(conversation__deleted_at=None)
    if reviewer.role != Person.Role.ADMIN:
        rows = rows.filter(Q(reviewer=reviewer) | Q(second_reviewer=reviewer))
    if cursor:
        rows = rows.filter(id__lt=_id(cursor))
    return _page(reviewer, rows.order_by("-id"), limit, lambda last: str(last.id))


def _page(reviewer: Person, rows: QuerySet[Review], limit: int, cursor_of: Callable[[Review], str]) -> Page[ReviewRow]:
    found = list(rows.select_related("assigned_to", "reviewer", "second_reviewer")[: limit + 1])
    items = [_row(reviewer, review) for review in found[:limit]]
    return Page(items, cursor_of(found[limit - 1]) if len(found) > limit else None)


def _row(reviewer: Person, review: Review) -> ReviewRow:
    is_held = (
        review.assigned_until is not None and review.assigned_until >= timezone.now() and review.decided_at is None
    )
    return ReviewRow(
        id=review.id,
        cause=review.cause,
        state=review.state,
        created_at=review.created_at,
        decided_at=review.decided_at,
        holder=str(review.assigned_to or "") if is_held else "",
        held_until=review.assigned_until if is_held else None,
        is_mine=is_held and review.assigned_to_id == reviewer.id,
        reviewer=str(review.reviewer or ""),
        second_reviewer=str(review.second_reviewer or ""),
    )


def _id(cursor: str) -> UUID:
    try:
        return UUID(cursor)
    except ValueError:
        raise AssistantError("page.invalid_cursor") from None
