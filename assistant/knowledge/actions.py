"""Writes about approved answers: add, edit, retire, bring back. Texts are as chat/texts.py has checked them, and what
comes from people has been redacted; who may do it the callers know."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from assistant.audit import chain
from assistant.errors import AssistantError
from assistant.knowledge.models import Passage
from assistant.words import normalised

_AT_ONCE = 200
# What an edited passage takes over from the one before: whose words it goes back to, and where they came from.
_ORIGIN = ("kind", "origin", "licence", "person_id", "conversation_id", "review_id")


def passage(question: str, answer: str, **fields: Any) -> Passage:
    """One that is not stored yet. Raises passage.empty where there is no word in the question."""
    words = normalised(question)
    if not words or not answer.strip():
        raise AssistantError("passage.empty")
    return Passage(
        question=question.strip(),
        answer=answer.strip(),
        question_words=words,
        answer_words=normalised(answer),
        question_sha256=hashlib.sha256(words.encode()).hexdigest(),
        **fields,
    )


@transaction.atomic
def store(passages: Sequence[Passage], *, retired_for_id: UUID | None = None) -> int:
    """Let these be found, each in the place of what had been approved for the same question, of several here the last;
    returns how many are new. One that says what is approved already changes nothing."""
    newest = {passage.question_sha256: passage for passage in passages}
    keys = list(newest)
    for begin in range(0, len(keys), _AT_ONCE):
        some = keys[begin : begin + _AT_ONCE]
        for row in Passage.objects.select_for_update().filter(question_sha256__in=some, retired_at=None):
            if row.answer == newest[row.question_sha256].answer:
                del newest[row.question_sha256]
            else:
                _retire([row.id], retired_for_id)
    Passage.objects.bulk_create(newest.values(), batch_size=_AT_ONCE)
    return len(newest)


@transaction.atomic
def add(person_id: UUID, question: str, answer: str) -> Passage:
    """Approve an answer of staff's own. Raises passage.empty."""
    new = passage(question, answer, source=Passage.Source.STAFF, approved_by_id=person_id)
    if store([new]):
        chain.record(person_id, "passage.add", "passage", new.id, after=_auditable(new))
    return Passage.objects.get(question_sha256=new.question_sha256, retired_at=None)


@transaction.atomic
def edit(person_id: UUID, passage_id: UUID, question: str, answer: str) -> Passage:
    """Put another text in the place of a passage. Raises passage.not_found, passage.empty."""
    old = _live(passage_id)
    origin = {name: getattr(old, name) for name in _ORIGIN}
    new = passage(question, answer, source=old.source, approved_by_id=person_id, **origin)
    if (new.question, new.answer) == (old.question, old.answer):
        return old
    _retire([old.id])
    store([new])
    chain.record(person_id, "passage.edit", "passage", new.id, before=_auditable(old), after=_auditable(new))
    return new


@transaction.atomic
def retire(person_id: UUID, passage_id: UUID) -> None:
    """Let a passage answer nothing any more. Raises passage.not_found."""
    old = _live(passage_id)
    _retire([old.id])
    chain.record(person_id, "passage.retire", "passage", old.id, before=_auditable(old))


def retire_for(review_id: UUID, passage_ids: Sequence[UUID]) -> None:
    """Retire passages because of a review, until that is undone."""
    _retire(passage_ids, review_id)


@transaction.atomic
def undo(review_id: UUID) -> None:
    """Take back what a review brought about: its passage is retired, and what it had put out of use comes back unless
    something else is approved for the question by now."""
    _retire(list(Passage.objects.filter(review=review_id, retired_at=None).values_list("id", flat=True)))
    for row in Passage.objects.select_for_update().filter(retired_for=review_id).order_by("-id"):
        if not Passage.objects.filter(question_sha256=row.question_sha256, retired_at=None).exists():
            Passage.objects.filter(pk=row.pk).update(retired_at=None, retired_for=None, changed_at=Now())


def _live(passage_id: UUID) -> Passage:
    found = Passage.objects.select_for_update().filter(pk=passage_id, retired_at=None).first()
    if found is None:
        raise AssistantError("passage.not_found")
    return found


def _retire(passage_ids: Sequence[UUID], review_id: UUID | None = None) -> None:
    rows = Passage.objects.filter(pk__in=passage_ids, retired_at=None)
    rows.update(retired_at=Now(), retired_for_id=review_id, changed_at=Now())


def _auditable(row: Passage) -> dict[str, str]:
    """The texts may be somebody's: of them the audit keeps the hashes."""
    return {
        "question_sha256": row.question_sha256,
        "answer_sha256": hashlib.sha256(row.answer.encode()).hexdigest(),
    }
