"""The examples that a snapshot may be made of, as values: what grouping, merging, holding and weights look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from assistant.chat.consent import training_use
from assistant.finetuning.contents import sha256_of
from assistant.finetuning.models import Example, RegressionCase
from assistant.finetuning.near_duplicates import plain

# Shorter questions ("And then?") mean something only with the one before.
_QUESTION_CHARS = 12


@dataclass(frozen=True, slots=True)
class Candidate:
    """`question` is the last thing that was asked, as plain words; `answers` are the texts that are compared when rows
    are merged; `target` is what is learned to be said, "" for a rating; `bundle` is what was said in one conversation,
    or what an import put into one group. `split` and `group` are empty before the first snapshot."""

    id: UUID
    kind: str
    source: str
    is_trusted: bool
    is_released: bool
    person_id: UUID | None
    message_id: UUID | None
    joined_at: datetime | None
    prompt_text: str
    question: str
    answers: tuple[str, ...]
    target: str
    bundle: str
    label: bool | None
    content_sha256: str
    # The same for two verdicts on the same texts, whatever the verdicts; and which of the two verdicts it is.
    matter_sha256: str
    side: bool
    base_weight: float
    group: str
    split: str


@dataclass(slots=True)
class Loaded:
    """`found`: what may be learned from, in the order in which it came about. `anchors`: what may not, or not now, but
    was in a snapshot, and the questions of the regression suite; what is like them belongs into the same split.
    `dropped`: example -> why it may not be learned from, though it was approved."""

    found: list[Candidate] = field(default_factory=list)
    anchors: list[Candidate] = field(default_factory=list)
    dropped: dict[UUID, str] = field(default_factory=dict)


def load() -> Loaded:
    loaded = Loaded()
    rows = Example.objects.filter(Q(status=Example.Status.APPROVED) | ~Q(split=""))
    for row in rows.select_related("conversation__owner", "person").order_by("id").iterator(chunk_size=500):
        if row.status == Example.Status.APPROVED and not (why := _why_not(row)):
            loaded.found.append(candidate_of(row))
            continue
        if row.status == Example.Status.APPROVED:
            loaded.dropped[row.id] = why
        if row.split:
            loaded.anchors.append(candidate_of(row))
    cases = RegressionCase.objects.filter(retired_at=None).select_related("review")
    loaded.anchors += map(_anchor_of, cases.order_by("id"))
    return loaded


def _anchor_of(case: RegressionCase) -> Candidate:
    """A question that every adapter is asked is a test, whoever else asks it or nearly the same."""
    asked = Example(
        id=case.id,
        kind=Example.Kind.UNPAIRED,
        prompt=case.prompt,
        completion=[{"role": "assistant", "content": ""}],
        conversation_id=case.review.conversation_id,
        split=Example.Split.TEST,
        base_weight=0.0,
    )
    return candidate_of(asked)


def _why_not(row: Example) -> str:
    conversation = row.conversation
    if conversation is None:
        return ""
    if conversation.deleted_at:
        return "conversation_deleted"
    use = training_use(conversation, conversation.owner)
    return "" if use == "allowed" else use


def candidate_of(row: Example) -> Candidate:
    sides = (row.chosen, row.rejected) if row.kind == Example.Kind.PREFERENCE else (row.completion,)
    answers = tuple(turns[-1]["content"] for turns in sides if turns)
    bundle = f"conversation:{row.conversation_id}" if row.conversation_id else ""
    if row.origin_group:
        bundle = f"import:{row.origin}:{row.origin_group}"
    return Candidate(
        id=row.id,
        kind=row.kind,
        source=row.source,
        is_trusted=row.is_trusted,
        is_released=row.is_released,
        person_id=row.person_id,
        message_id=row.message_id,
        joined_at=row.person.date_joined if row.person else None,
        prompt_text="\n".join(turn["content"] for turn in row.prompt),
        question=question_of(row.prompt),
        answers=answers,
        target="" if row.kind == Example.Kind.UNPAIRED else answers[0],
        bundle=bundle,
        label=row.label,
        content_sha256=row.content_sha256,
        matter_sha256=sha256_of([row.kind, row.prompt, sorted(answers)]),
        side=bool(row.label) if row.kind == Example.Kind.UNPAIRED else answers == tuple(sorted(answers)),
        base_weight=row.base_weight,
        group=row.group,
        split=row.split,
    )


def question_of(prompt: list[dict[str, str]]) -> str:
    """The last message of the user, with those before it as long as it is too short to mean something alone."""
    question = ""
    for text in _asked(prompt):
        question = f"{plain(text)} {question}".strip()
        if len(question.replace(" ", "")) >= _QUESTION_CHARS:
            break
    return question


def _asked(prompt: list[dict[str, str]]) -> Iterator[str]:
    return (turn["content"] for turn in reversed(prompt) if turn["role"] == "user")
