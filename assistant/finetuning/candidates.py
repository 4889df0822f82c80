"""The examples that a snapshot may be made of, as values: what grouping, merging, holding and weights look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from assistant.chat.consent import training_use
from assistant.finetuning.contents import sha256_of
from assistant.finetuning.models import Example
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


def load() -> tuple[list[Candidate], list[tuple[UUID, str]]]:
    """The approved examples in the order in which they came about, and those left out with the reason."""
    rows = Example.objects.filter(status=Example.Status.APPROVED).select_related("conversation__owner", "person")
    candidates, dropped = [], []
    for row in rows.order_by("id").iterator(chunk_size=500):
        conversation = row.conversation
        if conversation and conversation.deleted_at:
            dropped.append((row.id, "conversation_deleted"))
        elif conversation and (use := training_use(conversation, conversation.owner)) != "allowed":
            dropped.append((row.id, use))
        else:
            candidates.append(candidate_of(row))
    return candidates, dropped


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
