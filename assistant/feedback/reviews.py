"""What reviewers do: take the next piece of feedback, read what it is about, judge it, and undo that.

Only reviewers and administrators, and never on their own words. Reading and judging are audit events. With
REVIEW_NEEDS_TWO an answer needs the approval of two of them before anything learns from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from assistant.accounts.models import Person
from assistant.audit import chain
from assistant.chat.branches import path_to
from assistant.chat.texts import checked, storable
from assistant.errors import AssistantError
from assistant.feedback.models import Feedback, Review
from assistant.feedback.queue import waiting_for

State = Review.State
# Longer than it takes to judge one; then somebody else may.
ASSIGNED_FOR = timedelta(minutes=15)
# The one that is looked at, and the next, which is there already when the first is decided.
MAX_HELD = 2


@dataclass(frozen=True, slots=True)
class Transcript:
    """The path from the beginning to the reply that is judged, as (role, text), and what was said about the reply.
    `approved` is the answer that a first reviewer, `approved_by`, has approved."""

    messages: list[tuple[str, str]]
    rating: str
    reasons: list[str]
    comment: str
    correction: str
    approved: str
    approved_by: str


@transaction.atomic
def take_next(person_id: UUID, *, cause: Review.Cause | None = None, without: Collection[UUID] = ()) -> Review | None:
    """Assign the most urgent review that nobody holds, for ASSIGNED_FOR; one that this person holds comes first. Of
    `cause` alone, if it is given: whoever wants those gives the others back. `without` are those they have before them
    or passed over. None: there is nothing to do, or they hold MAX_HELD already. Raises request.not_allowed."""
    reviewer, now = reviewer_of(person_id), timezone.now()
    mine = Q(assigned_to=reviewer, assigned_until__gte=now)
    waiting = waiting_for(reviewer)
    wanted = waiting.exclude(pk__in=without)
    if cause is not None:
        _free(wanted.filter(mine).exclude(cause=cause))
        wanted = wanted.filter(cause=cause)
    for row in wanted.filter(mine):
        if _assign(row, reviewer):
            return row
    if waiting.filter(mine).count() >= MAX_HELD:
        return None
    return next((row for row in wanted.filter(_not_held(now))[:20] if _assign(row, reviewer)), None)


@transaction.atomic
def take(person_id: UUID, review_id: UUID) -> Review:
    """Assign this very review, beside what else they hold: it was chosen, or its time ran out while it was edited.
    Raises request.not_allowed, review.taken."""
    reviewer = reviewer_of(person_id)
    row = waiting_for(reviewer).filter(pk=review_id).first()
    if row is None or not _assign(row, reviewer):
        raise AssistantError("review.taken")
    return row


@transaction.atomic
def give_back(person_id: UUID, review_id: UUID) -> None:
    """Let somebody else take it. Raises request.not_allowed, review.not_held."""
    _free(Review.objects.filter(pk=held(person_id, review_id).pk))


@transaction.atomic
def read_transcript(person_id: UUID, review_id: UUID, reason: str) -> Transcript:
    """What a review that one has taken is about; the audit says who read it and why. Raises request.not_allowed,
    review.not_held, review.reason_missing."""
    review = held(person_id, review_id)
    chain.record(person_id, "transcript.read", "conversation", review.conversation_id, reason=checked_reason(reason))
    feedback = Feedback.objects.filter(message=review.message_id, person=review.person_id).first() or Feedback()
    path = path_to(review.message)
    return Transcript(
        messages=[(message.role, message.text) for message in path if message.text or message == review.message],
        rating=feedback.rating,
        reasons=feedback.reasons,
        comment=feedback.comment,
        correction=feedback.correction,
        approved=review.answer if review.reviewer_id else "",
        approved_by=str(review.reviewer or ""),
    )


@transaction.atomic
def accept(person_id: UUID, review_id: UUID) -> Review:
    """The person is right: their correction, if there is one, is what the reply should have been. Of two reviewers the
    second approves what the first did. Raises request.not_allowed, review.not_held."""
    reviewer = reviewer_of(person_id)
    review = _held(reviewer, review_id)
    if review.reviewer_id:
        return _decide(reviewer, review, _approved(review), second_reviewer=reviewer)
    feedback = Feedback.objects.filter(message=review.message_id, person=review.person_id).first()
    return _approve(reviewer, review, answer=feedback.correction if feedback else "", is_edited=False)


@transaction.atomic
def edit(person_id: UUID, review_id: UUID, answer: str) -> Review:
    """Write what the reply should have been. It is another text than a first reviewer approved, so it counts as the
    first approval. Raises request.not_allowed, review.not_held, message.*"""
    reviewer = reviewer_of(person_id)
    return _approve(reviewer, _held(reviewer, review_id), answer=checked(answer), is_edited=True)


@transaction.atomic
def reject(person_id: UUID, review_id: UUID, reason: str) -> Review:
    """Nothing is learned from it. Raises request.not_allowed, review.not_held, review.reason_missing."""
    reviewer = reviewer_of(person_id)
    review = _held(reviewer, review_id)
    return _decide(reviewer, review, State.REJECTED, reviewer=reviewer, reason=checked_reason(reason))


@transaction.atomic
def skip(person_id: UUID, review_id: UUID) -> Review:
    """Leave it undecided for good. Raises request.not_allowed, review.not_held."""
    reviewer = reviewer_of(person_id)
    return _decide(reviewer, _held(reviewer, review_id), State.SKIPPED, reviewer=reviewer)


@transaction.atomic
def undo(person_id: UUID, review_id: UUID) -> Review:
    """Put a review back into the queue, into the hands of who undoes it: whoever decided, or an administrator, but not
    whose words they are. Raises request.not_allowed, review.not_found, review.superseded."""
    reviewer = reviewer_of(person_id)
    review = Review.objects.select_for_update().filter(pk=review_id, reviewer__isnull=False).first()
    if review is None:
        raise AssistantError("review.not_found")
    has_decided = reviewer.id in (review.reviewer_id, review.second_reviewer_id)
    is_about_them = reviewer.id in (review.person_id, review.conversation.owner_id)
    if is_about_them or not (has_decided or reviewer.role == Person.Role.ADMIN):
        raise AssistantError("request.not_allowed")
    if Review.objects.filter(message=review.message_id, person=review.person_id, pk__gt=review.pk).exists():
        raise AssistantError("review.superseded")
    anew = {"reviewer": None, "second_reviewer": None, "answer": "", "is_edited": False, "reason": ""}
    held = {"assigned_to": reviewer, "assigned_until": timezone.now() + ASSIGNED_FOR}
    return _write(reviewer, "review.undo", review, state=State.PENDING, decided_at=None, **anew, **held)


def held(person_id: UUID, review_id: UUID) -> Review:
    """A review that one has taken, locked. Raises request.not_allowed, review.not_held."""
    return _held(reviewer_of(person_id), review_id)


def _not_held(now: datetime) -> Q:
    return Q(assigned_to=None) | Q(assigned_until__lt=now)


def _assign(row: Review, reviewer: Person) -> bool:
    """False: another reviewer was a moment faster, or has it."""
    now = timezone.now()
    row.assigned_to, row.assigned_until = reviewer, now + ASSIGNED_FOR
    taken = Review.objects.filter(_not_held(now) | Q(assigned_to=reviewer), pk=row.pk, state=State.PENDING)
    return taken.update(assigned_to=reviewer, assigned_until=row.assigned_until) == 1


def _free(rows: QuerySet[Review]) -> None:
    ids = list(rows.values_list("id", flat=True))
    Review.objects.filter(pk__in=ids).update(assigned_to=None, assigned_until=None)


def reviewer_of(person_id: UUID) -> Person:
    """Whoever may judge. Raises request.not_allowed."""
    may = (Person.Role.REVIEWER, Person.Role.ADMIN)
    person = Person.objects.filter(pk=person_id, is_active=True, role__in=may).first()
    if person is None:
        raise AssistantError("request.not_allowed")
    return person


def _held(reviewer: Person, review_id: UUID) -> Review:
    """The row, locked. Asked through the queue's own rule, so that nobody holds what has become their own, or what its
    owner has meanwhile withdrawn."""
    rows = waiting_for(reviewer).select_for_update(of=("self",))
    review = rows.filter(pk=review_id, assigned_to=reviewer, assigned_until__gte=timezone.now()).first()
    if review is None:
        raise AssistantError("review.not_held")
    return review


def _approve(reviewer: Person, review: Review, *, answer: str, is_edited: bool) -> Review:
    first = {"reviewer": reviewer, "answer": answer, "is_edited": is_edited}
    if settings.REVIEW_NEEDS_TWO and answer:
        free = {"assigned_to": None, "assigned_until": None}
        return _write(reviewer, "review.approve_first", review, state=State.PENDING, **first, **free)
    return _decide(reviewer, review, State.EDITED if is_edited else State.ACCEPTED, **first)


def _approved(review: Review) -> Review.State:
    return State.EDITED if review.is_edited else State.ACCEPTED


def _decide(by: Person, review: Review, state: Review.State, **changes: Any) -> Review:
    return _write(by, f"review.{state}", review, state=state, decided_at=timezone.now(), **changes)


def _write(by: Person, action: str, review: Review, **changes: Any) -> Review:
    before = _auditable(review)
    for name, value in changes.items():
        setattr(review, name, value)
    review.save(update_fields=changes)
    chain.record(by.id, action, "review", review.id, before=before, after=_auditable(review), reason=review.reason)
    return review


def _auditable(review: Review) -> dict[str, str]:
    """The answer is somebody's text: of that the audit keeps the hash."""
    return {"state": review.state, "answer_sha256": hashlib.sha256(review.answer.encode()).hexdigest()}


def checked_reason(reason: str) -> str:
    """A reason as it is kept. Raises review.reason_missing."""
    reason = " ".join(storable(reason).split())
    if not reason:
        raise AssistantError("review.reason_missing")
    return reason[: chain.MAX_REASON_CHARS]
