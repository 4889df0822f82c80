"""What people say about a reply, and about two replies side by side."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from assistant.feedback import actions, comparisons
from assistant.feedback.models import Comparison, Feedback
from webui.api.core import person_of

router = Router()


class FeedbackIn(Schema):
    """The whole of it: what is left out is taken back."""

    rating: Literal["up", "down"]
    reasons: Annotated[list[str], Field(max_length=20)] = []
    comment: str = ""
    correction: str = ""


class FeedbackOut(Schema):
    rating: Literal["up", "down"]
    reasons: list[str]
    comment: str
    correction: str


class VerdictIn(Schema):
    verdict: Literal["left", "right", "tie", "neither"]


class VerdictOut(Schema):
    verdict: Literal["left", "right", "tie", "neither"] | None


@router.put("/messages/{uuid:message_id}/feedback", response=FeedbackOut)
def give(request: HttpRequest, message_id: UUID, body: FeedbackIn) -> Feedback:
    rating = Feedback.Rating(body.rating)
    return actions.give(person_of(request).id, message_id, rating, body.reasons, body.comment, body.correction)


@router.delete("/messages/{uuid:message_id}/feedback", response={204: None})
def withdraw(request: HttpRequest, message_id: UUID) -> Status[None]:
    actions.withdraw(person_of(request).id, message_id)
    return Status(204, None)


@router.get("/comparisons/{uuid:left_id}/{uuid:right_id}", response=VerdictOut)
def read_verdict(request: HttpRequest, left_id: UUID, right_id: UUID) -> dict[str, str | None]:
    return {"verdict": comparisons.verdict_on(person_of(request).id, left_id, right_id)}


@router.put("/comparisons/{uuid:left_id}/{uuid:right_id}", response={204: None})
def vote(request: HttpRequest, left_id: UUID, right_id: UUID, body: VerdictIn) -> Status[None]:
    comparisons.vote(person_of(request).id, left_id, right_id, Comparison.Verdict(body.verdict))
    return Status(204, None)


@router.delete("/comparisons/{uuid:left_id}/{uuid:right_id}", response={204: None})
def withdraw_verdict(request: HttpRequest, left_id: UUID, right_id: UUID) -> Status[None]:
    comparisons.withdraw(person_of(request).id, left_id, right_id)
    return Status(204, None)
