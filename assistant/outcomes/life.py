"""What became of what a person said about replies: received, reviewed, in a dataset, in an adapter, live, asked again.

Tells the person about their own words. Who reviewed them, and what exactly looks like a campaign, is not told.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from assistant.chat.consent import TrainingUse, training_use
from assistant.chat.models import Message
from assistant.chat.queries import Page, message_of
from assistant.errors import AssistantError
from assistant.feedback.models import Comparison, Feedback, Review
from assistant.finetuning.models import Example
from assistant.outcomes.models import AskedAgain
from assistant.outcomes.stages import Stages, stages_of

# How far it has come: the furthest that can be said.
Stage = Literal[
    "received",
    "not_allowed",
    "declined",
    "skipped",
    "accepted",
    "held",
    "in_dataset",
    "held_out",
    "trained",
    "judged",
    "live",
    "was_live",
    "asked_again",
]


@dataclass(frozen=True, slots=True)
class Life:
    """One piece of feedback. `answer` is what was judged: of a comparison the left one, with `other` the right one.
    `use`: whether it may be learned from now."""

    id: UUID
    kind: Literal["feedback", "comparison"]
    conversation_id: UUID
    message_id: UUID
    other_id: UUID | None
    question: str
    answer: str
    other: str
    rating: str
    reasons: list[str]
    comment: str
    correction: str
    verdict: str
    received_at: datetime
    use: TrainingUse
    stages: Stages

    @property
    def again(self) -> AskedAgain | None:
        return self.stages.again

    @property
    def stage(self) -> Stage:
        stages = self.stages
        if stages.again:
            return "asked_again"
        if stages.live_at:
            return "live" if stages.is_live else "was_live"
        if stages.judged_at:
            return "judged"
        if stages.trained_at:
            return "trained"
        if stages.dataset_at:
            return "in_dataset" if stages.split == Example.Split.TRAIN else "held_out"
        if self.use != "allowed":
            return "not_allowed"
        if stages.review == Review.State.REJECTED:
            return "declined"
        if stages.review == Review.State.SKIPPED:
            return "skipped"
        if stages.held:
            return "held"
        return "accepted" if stages.review in (Review.State.ACCEPTED, Review.State.EDITED) else "received"


def lives_of(person_id: UUID, cursor: str | None = None, limit: int = 10) -> Page[Life]:
    """All that a person has said of replies to them and not taken back, newest first. Raises page.invalid_cursor."""
    own = {"message__conversation__owner": person_id, "message__conversation__deleted_at": None}
    feedback = Feedback.objects.filter(person_id=person_id, **own)
    comparisons = Comparison.objects.filter(person_id=person_id, left__conversation__deleted_at=None)
    if cursor:
        try:
            before = UUID(cursor)
        except ValueError:
            raise AssistantError("page.invalid_cursor") from None
        feedback, comparisons = feedback.filter(id__lt=before), comparisons.filter(id__lt=before)
    both = feedback.values_list("id").union(comparisons.values_list("id"), all=True)
    ids = [row[0] for row in both.order_by("-id")[: limit + 1]]
    found = _lives(ids[:limit], person_id)
    return Page(found, str(ids[limit - 1]) if len(ids) > limit else None)


def life_of(person_id: UUID, message_id: UUID) -> Life:
    """What became of this person's feedback on a reply. Raises message.not_found, outcome.no_feedback."""
    message = message_of(person_id, message_id)
    feedback = Feedback.objects.filter(message=message, person_id=person_id).first()
    if feedback is None:
        raise AssistantError("outcome.no_feedback")
    return _lives([feedback.id], person_id)[0]


_MESSAGE = ("parent", "conversation__owner")


def _lives(ids: Collection[UUID], person_id: UUID) -> list[Life]:
    """In the order of the ids."""
    feedback = Feedback.objects.filter(pk__in=ids).select_related(*(f"message__{path}" for path in _MESSAGE))
    of_pair = (f"{side}__{path}" for side in ("left", "right") for path in _MESSAGE)
    votes = Comparison.objects.filter(pk__in=ids).select_related(*of_pair)
    subjects = {row.id: row.message_id for row in feedback} | {vote.id: _better(vote) for vote in votes}
    stages = stages_of(person_id, {vote.id for vote in votes}, subjects)
    found = {row.id: _of_feedback(row, stages[row.id]) for row in feedback}
    found |= {vote.id: _of_comparison(vote, stages[vote.id]) for vote in votes}
    return [found[id_] for id_ in ids if id_ in found]


def _better(vote: Comparison) -> UUID | None:
    return {"left": vote.left_id, "right": vote.right_id}.get(vote.verdict)


def _of_feedback(row: Feedback, stages: Stages) -> Life:
    said = {name: getattr(row, name) for name in ("rating", "reasons", "comment", "correction")}
    return Life(kind="feedback", other_id=None, other="", verdict="", **said, **_around(row, row.message, stages))


def _of_comparison(vote: Comparison, stages: Stages) -> Life:
    nothing: dict[str, Any] = {"rating": "", "reasons": [], "comment": "", "correction": ""}
    pair: dict[str, Any] = {"other_id": vote.right_id, "other": vote.right.text, "verdict": vote.verdict}
    return Life(kind="comparison", **nothing, **pair, **_around(vote, vote.left, stages))


def _around(row: Feedback | Comparison, message: Message, stages: Stages) -> dict[str, Any]:
    conversation = message.conversation
    return {
        "id": row.id,
        "conversation_id": conversation.id,
        "message_id": message.id,
        "question": message.parent.text if message.parent else "",
        "answer": message.text,
        "received_at": row.created_at,
        "use": training_use(conversation, conversation.owner),
        "stages": stages,
    }
