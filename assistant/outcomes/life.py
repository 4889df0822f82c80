"""What became of what a person said about replies: received, reviewed, in a dataset, in an adapter, live, asked again.

Tells the person about their own words. Who reviewed them, and what exactly looks like a campaign, is not told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db.models import Q

from assistant.adapters.models import Adapter
from assistant.chat.consent import TrainingUse, training_use
from assistant.chat.models import Message
from assistant.chat.queries import Page, message_of
from assistant.errors import AssistantError
from assistant.feedback.models import Comparison, Feedback, Review
from assistant.finetuning.models import DatasetSnapshot, Example, SnapshotItem
from assistant.finetuning.runs.models import EvaluationRun, TrainingRun
from assistant.outcomes.models import AskedAgain
from assistant.rollout.models import Rollout

Source = Example.Source

# How far it has come: the furthest that can be said.
Stage = Literal[
    *("received", "not_allowed", "declined", "skipped", "accepted", "held", "in_dataset", "held_out"),
    *("trained", "judged", "live", "was_live", "asked_again"),
]
# Why an approved example is in no snapshot, in words that teach nobody how to get around the rules.
HELD = {
    **dict.fromkeys(("burst", "constant_rater", "copied_answer", "entity_spike"), "unusual"),
    **dict.fromkeys(("person_rows", "new_account"), "share"),
    **dict.fromkeys(("contradiction", "contradicted"), "contradicted"),
    "bridges_splits": "kept_for_tests",
}


@dataclass(slots=True)
class Life:
    """One piece of feedback. `answer` is what was judged; of a comparison it is the left one, and `other` the right one.
    Times that have not come are None. `held`: why it is in no dataset though nothing else speaks against it."""

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
    review: str = ""
    reviewed_at: datetime | None = None
    approved: str = ""
    held: str = ""
    dataset_at: datetime | None = None
    split: str = ""
    adapter: str = ""
    trained_at: datetime | None = None
    gate: str = ""
    judged_at: datetime | None = None
    live_at: datetime | None = None
    is_live: bool = False
    again: AskedAgain | None = None

    @property
    def stage(self) -> Stage:
        if self.again:
            return "asked_again"
        if self.live_at:
            return "live" if self.is_live else "was_live"
        if self.judged_at:
            return "judged"
        if self.trained_at:
            return "trained"
        if self.dataset_at:
            return "in_dataset" if self.split == Example.Split.TRAIN else "held_out"
        return self._before_any_dataset

    @property
    def _before_any_dataset(self) -> Stage:
        if self.use != "allowed":
            return "not_allowed"
        if self.review == Review.State.REJECTED:
            return "declined"
        if self.review == Review.State.SKIPPED:
            return "skipped"
        if self.held:
            return "held"
        return "accepted" if self.review in (Review.State.ACCEPTED, Review.State.EDITED) else "received"


def lives_of(person_id: UUID, cursor: str | None = None, limit: int = 10) -> Page[Life]:
    """All that a person has said of replies and not taken back, newest first. Raises page.invalid_cursor."""
    feedback = Feedback.objects.filter(person_id=person_id, message__conversation__deleted_at=None)
    comparisons = Comparison.objects.filter(person_id=person_id, left__conversation__deleted_at=None)
    if cursor:
        try:
            before = UUID(cursor)
        except ValueError:
            raise AssistantError("page.invalid_cursor") from None
        feedback, comparisons = feedback.filter(id__lt=before), comparisons.filter(id__lt=before)
    both = feedback.values_list("id").union(comparisons.values_list("id"), all=True)
    ids = [row[0] for row in both.order_by("-id")[: limit + 1]]
    found = _with_stages(_begun(ids[:limit]), person_id)
    return Page(found, str(ids[limit - 1]) if len(ids) > limit else None)


def life_of(person_id: UUID, message_id: UUID) -> Life:
    """What became of this person's feedback on a reply. Raises message.not_found, outcome.no_feedback."""
    message = message_of(person_id, message_id)
    feedback = Feedback.objects.filter(message=message, person_id=person_id).first()
    if feedback is None:
        raise AssistantError("outcome.no_feedback")
    return _with_stages(_begun([feedback.id]), person_id)[0]


_MESSAGE = ("parent", "conversation__owner")


def _begun(ids: Collection[UUID]) -> list[Life]:
    """In the order of the ids."""
    found: dict[UUID, Life] = {}
    of_message = [f"message__{path}" for path in _MESSAGE]
    for row in Feedback.objects.filter(pk__in=ids).select_related(*of_message):
        said = {name: getattr(row, name) for name in ("rating", "reasons", "comment", "correction")}
        found[row.id] = _life(row.id, "feedback", row.message, None, row.created_at, verdict="", **said)
    of_pair = [f"{side}__{path}" for side in ("left", "right") for path in _MESSAGE]
    for vote in Comparison.objects.filter(pk__in=ids).select_related(*of_pair):
        said = {"rating": "", "reasons": [], "comment": "", "correction": ""}
        found[vote.id] = _life(
            vote.id, "comparison", vote.left, vote.right, vote.created_at, verdict=vote.verdict, **said
        )
    return [found[id_] for id_ in ids if id_ in found]


def _life(
    id_: UUID,
    kind: Literal["feedback", "comparison"],
    message: Message,
    other: Message | None,
    received_at: datetime,
    **said: object,
) -> Life:
    return Life(
        id=id_,
        kind=kind,
        conversation_id=message.conversation_id,
        message_id=message.id,
        other_id=other.id if other else None,
        question=message.parent.text if message.parent else "",
        answer=message.text,
        other=other.text if other else "",
        received_at=received_at,
        use=training_use(message.conversation, message.conversation.owner),
        **said,  # type: ignore[arg-type]  # rating, reasons, comment, correction, verdict
    )
