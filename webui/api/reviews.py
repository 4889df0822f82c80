"""Judging feedback: take a review, read it, decide it, undo that, and make a test of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from assistant.feedback import review_list, reviews
from assistant.feedback.models import Review
from assistant.feedback.word_diff import segments
from assistant.finetuning import regression
from webui.api.core import person_of
from webui.review.sitting import begin, reason_of
from webui.review.suggestion import suggested_phrases

router = Router()

# The newest of a conversation, up to the reply that is judged: what led there is seldom further up.
MOST_MESSAGES = 40


class ReasonIn(Schema):
    reason: str


class NextIn(Schema):
    cause: Review.Cause | None = None
    # What is on the screen, and what was passed over in this sitting.
    without: Annotated[list[UUID], Field(max_length=200)] = []


class MessageOut(Schema):
    role: str
    text: str


class SegmentOut(Schema):
    kind: Literal["equal", "delete", "insert"]
    text: str


class ItemOut(Schema):
    """`answer` is the reply that is judged, the last of `messages`, above which stand `earlier_count` more; `proposal`
    what a first reviewer approved, else the person's correction, and `changes` the way from the one to the other."""

    id: UUID
    cause: str
    created_at: datetime
    assigned_until: datetime
    messages: list[MessageOut]
    earlier_count: int
    rating: str
    reasons: list[str]
    comment: str
    correction: str
    approved_by: str
    answer: str
    proposal: str
    changes: list[SegmentOut]
    suggested: dict[str, list[str]]


class NextOut(Schema):
    item: ItemOut | None
    # How many wait, by cause.
    waiting: dict[str, int]


class DecisionIn(Schema):
    decision: Literal["accept", "edit", "reject", "skip"]
    answer: str = ""
    reason: str = ""


class DecidedOut(Schema):
    # Pending still: a second reviewer is needed.
    state: str


class CaseIn(Schema):
    must_contain: Annotated[list[str], Field(max_length=100)] = []
    must_not_contain: Annotated[list[str], Field(max_length=100)] = []
    refuses: bool | None = None


class CaseOut(Schema):
    id: UUID


@router.put("/reviews/reason", response={204: None})
def say_why(request: HttpRequest, body: ReasonIn) -> Status[None]:
    """Why this person reads transcripts, for this sitting."""
    begin(request, body.reason)
    return Status(204, None)


@router.post("/reviews/next", response=NextOut)
def take_next(request: HttpRequest, body: NextIn) -> dict[str, Any]:
    person, reason = person_of(request), reason_of(request)
    # Together: what cannot be read, for want of a reason, is not taken.
    with transaction.atomic():
        review = reviews.take_next(person.id, cause=body.cause, without=body.without)
        return {"item": _item(person.id, review, reason) if review else None, "waiting": review_list.counts(person)}


@router.put("/reviews/{uuid:review_id}/assignment", response=ItemOut)
def take(request: HttpRequest, review_id: UUID) -> dict[str, Any]:
    person_id, reason = person_of(request).id, reason_of(request)
    with transaction.atomic():
        return _item(person_id, reviews.take(person_id, review_id), reason)


@router.delete("/reviews/{uuid:review_id}/assignment", response={204: None})
def give_back(request: HttpRequest, review_id: UUID) -> Status[None]:
    reviews.give_back(person_of(request).id, review_id)
    return Status(204, None)


@router.put("/reviews/{uuid:review_id}/decision", response=DecidedOut)
def decide(request: HttpRequest, review_id: UUID, body: DecisionIn) -> Review:
    person_id = person_of(request).id
    match body.decision:
        case "accept":
            return reviews.accept(person_id, review_id)
        case "edit":
            return reviews.edit(person_id, review_id, body.answer)
        case "reject":
            return reviews.reject(person_id, review_id, body.reason)
        case "skip":
            return reviews.skip(person_id, review_id)


@router.delete("/reviews/{uuid:review_id}/decision", response=ItemOut)
def undo(request: HttpRequest, review_id: UUID) -> dict[str, Any]:
    """It is in the hands of who undoes it, and read again."""
    person_id, reason = person_of(request).id, reason_of(request)
    with transaction.atomic():
        return _item(person_id, reviews.undo(person_id, review_id), reason)


@router.post("/reviews/{uuid:review_id}/regression-case", response={201: CaseOut})
def make_test(request: HttpRequest, review_id: UUID, body: CaseIn) -> Status[CaseOut]:
    case = regression.make(person_of(request).id, review_id, body.must_contain, body.must_not_contain, body.refuses)
    return Status(201, CaseOut(id=case.id))


def _item(person_id: UUID, review: Review, reason: str) -> dict[str, Any]:
    transcript = reviews.read_transcript(person_id, review.id, reason)
    answer, proposal = review.message.text, transcript.approved or transcript.correction
    changes = segments(answer, proposal) if proposal else []
    return {
        "id": review.id,
        "cause": Review.Cause(review.cause).label,
        "created_at": review.created_at,
        "assigned_until": review.assigned_until,
        "messages": [{"role": role, "text": text} for role, text in transcript.messages[-MOST_MESSAGES:]],
        "earlier_count": max(0, len(transcript.messages) - MOST_MESSAGES),
        "rating": transcript.rating,
        "reasons": transcript.reasons,
        "comment": transcript.comment,
        "correction": transcript.correction,
        "approved_by": transcript.approved_by,
        "answer": answer,
        "proposal": proposal,
        "changes": [asdict(segment) for segment in changes],
        "suggested": suggested_phrases(changes),
    }
