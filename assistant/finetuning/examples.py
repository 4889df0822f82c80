"""Makes examples of what people said about replies and of what reviewers decided.

Building again brings them up to date. An example lasts as long as its origin: what was taken back, whose review was
undone, or whose owner no longer consents is rejected at the next build, and snapshots ask for consent once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from assistant.audit import chain
from assistant.chat.branches import path_to
from assistant.chat.consent import training_use
from assistant.chat.context import prompt_of
from assistant.chat.models import Generation, Message
from assistant.feedback.models import Comparison, Feedback, FeedbackEvent, Review
from assistant.finetuning.contents import Turns, clean
from assistant.finetuning.models import Example

Kind, Source, Status = Example.Kind, Example.Source, Example.Status

# How much a row counts before trust and caps: docs/decisions/0009-examples-and-snapshots.md.
BASE_WEIGHTS = {
    Source.GOLD: 1.0,
    Source.IMPORT: 1.0,
    Source.CORRECTION: 0.6,
    Source.COMPARISON: 0.5,
    Source.REGENERATE_PICK: 0.4,
    Source.RATING: 0.2,
}
SERIOUS = {"incorrect", "unsafe"}
SERIOUS_WEIGHT = 0.3

_AT_ONCE = 500

_STATUS_AFTER = {
    Review.State.PENDING: (Status.PENDING, ""),
    Review.State.ACCEPTED: (Status.APPROVED, ""),
    Review.State.EDITED: (Status.APPROVED, ""),
    Review.State.REJECTED: (Status.REJECTED, "review_rejected"),
    Review.State.SKIPPED: (Status.HELD, "review_skipped"),
}


@dataclass
class _Reply:
    """A reply that somebody has judged, with what is needed to learn from it."""

    message: Message
    person_id: UUID

    @cached_property
    def _path(self) -> list[Message]:
        return path_to(self.message.parent) if self.message.parent else []

    @property
    def is_usable(self) -> bool:
        """What was asked still stands there, and the owner allows that something is learned from it."""
        conversation = self.message.conversation
        return (
            bool(self._path)
            and self._path[-1].role == Message.Role.USER
            and conversation.deleted_at is None
            and training_use(conversation, conversation.owner) == "allowed"
            and not any(step.edited_at and step.edited_at > self.message.created_at for step in self._path)
        )

    @property
    def is_ours(self) -> bool:
        """Written here by the model, to its own end; what was imported, broken off or given as an approved answer
        teaches nothing about it."""
        generation: Generation | None = getattr(self.message, "generation", None)
        if generation is None or generation.knowledge in Generation.GIVEN:
            return False
        return bool(generation.finish_reason == "stop" and self.message.text.strip())

    @property
    def prompt(self) -> Turns:
        messages = prompt_of(self._path, self.message.conversation)
        return [{"role": message.role, "content": message.text} for message in messages]

    def example(self, kind: Example.Kind, source: Example.Source, review: Review | None = None) -> Example:
        status, why = _STATUS_AFTER[Review.State(review.state)] if review else (Status.APPROVED, "")
        return Example(
            kind=kind,
            source=source,
            prompt=self.prompt,
            person_id=self.person_id,
            conversation=self.message.conversation,
            message=self.message,
            review=review,
            base_weight=BASE_WEIGHTS[source],
            status=status,
            why=why,
        )


def build() -> Counter[str]:
    """Bring all examples from feedback up to date; returns how many there are of each status, how many are new, and how
    many lost their origin. Not one transaction: it would keep everybody else from writing for as long as it takes."""
    outcome: Counter[str] = Counter()
    keys = set()
    for example in _all():
        clean(example)
        if example.key not in keys:
            keys.add(example.key)
            outcome["new"] += _store(example)
            outcome[example.status] += 1
    living = Example.objects.exclude(source=Source.IMPORT).exclude(status=Status.REJECTED)
    gone = [id_ for id_, key in living.values_list("id", "key") if key not in keys]
    for at in range(0, len(gone), _AT_ONCE):
        rows = Example.objects.filter(pk__in=gone[at : at + _AT_ONCE])
        outcome["origin_gone"] += rows.update(status=Status.REJECTED, why="origin_gone")
    return outcome


@transaction.atomic
def release(person_id: UUID | None, example_ids: list[UUID], reason: str) -> int:
    """Let examples that holding.py holds be learned from all the same; returns their number."""
    rows = Example.objects.filter(pk__in=example_ids, is_released=False)
    released = list(rows.values_list("id", flat=True))
    for id_ in released:
        chain.record(person_id, "example.release", "example", id_, reason=reason)
    return Example.objects.filter(pk__in=released).update(is_released=True)


@transaction.atomic
def _store(example: Example) -> bool:
    """Whether it is new; one that is not gets the status of now."""
    changes = {"status": example.status, "why": example.why, "base_weight": example.base_weight}
    if Example.objects.filter(key=example.key).update(**changes):
        return False
    # Erased since it was read: an example of nobody would outlive them.
    if not Message.including_drafts.filter(pk=str(example.message_id)).exists():
        return False
    example.save(force_insert=True)
    events = FeedbackEvent.objects.filter(rater=example.person_id)
    example.events.set(events.filter(Q(message=example.message_id) | Q(other=example.message_id)))
    return True


def _all() -> Iterator[Example]:
    yield from _from_reviews()
    yield from _from_ratings()
    yield from _from_comparisons()
    yield from _from_picks()


def _from_reviews() -> Iterator[Example]:
    """The newest review of each piece of feedback: the approved answer, and that it is better than what was shown."""
    for review in _newest_reviews().values():
        said = Feedback.objects.filter(message=review.message, person=review.person_id).first()
        correction = said.correction if said else ""
        is_approved = review.state in (Review.State.ACCEPTED, Review.State.EDITED)
        answer = review.answer if is_approved else correction
        is_edited = review.state == Review.State.EDITED
        is_taken_back = not is_edited and answer != correction
        reply = _Reply(review.message, review.person_id)
        if not answer or is_taken_back or not reply.is_usable:
            continue
        source = Source.GOLD if is_edited else Source.CORRECTION
        sft = reply.example(Kind.SFT, source, review)
        sft.completion = _said(answer)
        yield sft
        if reply.is_ours and review.message.text != answer:
            yield _preference(reply, source, answer, review.message.text, review)


def _from_ratings() -> Iterator[Example]:
    """Thumbs, unless a correction says more."""
    reviews = _newest_reviews()
    for feedback in _with_message(Feedback.objects.filter(correction="").order_by("id")):
        reply = _Reply(feedback.message, feedback.person_id)
        if not (reply.is_usable and reply.is_ours):
            continue
        example = reply.example(Kind.UNPAIRED, Source.RATING)
        example.completion = _said(feedback.message.text)
        example.label = feedback.rating == Feedback.Rating.UP
        if SERIOUS.intersection(feedback.reasons):
            example.base_weight = SERIOUS_WEIGHT
        judged = reviews.get((feedback.message_id, feedback.person_id))
        if judged and judged.state == Review.State.REJECTED:
            example.status, example.why = _STATUS_AFTER[Review.State.REJECTED]
        yield example


def _newest_reviews() -> dict[tuple[UUID, UUID], Review]:
    """Of each person's words about each reply."""
    rows = _with_message(Review.objects.order_by("id"))
    return {(review.message_id, review.person_id): review for review in rows}


def _from_comparisons() -> Iterator[Example]:
    left, right = Comparison.Verdict.LEFT, Comparison.Verdict.RIGHT
    related = [f"{side}__{path}" for side in ("left", "right") for path in _RELATED]
    for vote in Comparison.objects.filter(verdict__in=(left, right)).select_related(*related).order_by("id"):
        better, worse = (vote.left, vote.right) if vote.verdict == left else (vote.right, vote.left)
        yield from _pair(vote.person_id, better, worse, Source.COMPARISON)


def _from_picks() -> Iterator[Example]:
    ups = _with_message(Feedback.objects.filter(rating=Feedback.Rating.UP).order_by("id"))
    for up in ups:
        downs = Feedback.objects.filter(
            rating=Feedback.Rating.DOWN, person=up.person_id, message__parent=up.message.parent_id
        ).exclude(message__parent=None)
        for down in _with_message(downs.order_by("id")):
            yield from _pair(up.person_id, up.message, down.message, Source.REGENERATE_PICK)


def _pair(person_id: UUID, better: Message, worse: Message, source: Example.Source) -> Iterator[Example]:
    replies = _Reply(better, person_id), _Reply(worse, person_id)
    if all(reply.is_usable and reply.is_ours for reply in replies) and better.text != worse.text:
        yield _preference(replies[0], source, better.text, worse.text)


def _preference(
    reply: _Reply, source: Example.Source, chosen: str, rejected: str, review: Review | None = None
) -> Example:
    example = reply.example(Kind.PREFERENCE, source, review)
    example.chosen, example.rejected = _said(chosen), _said(rejected)
    return example


def _said(text: str) -> Turns:
    return [{"role": "assistant", "content": text}]


_RELATED = ("parent", "generation", "conversation__owner")


def _with_message(rows: QuerySet) -> QuerySet:  # type: ignore[type-arg]  # of anything that has a message
    return rows.select_related(*(f"message__{path}" for path in _RELATED))
