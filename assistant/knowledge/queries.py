"""Reads approved answers: which may be given now, and lists of them for staff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from assistant.errors import AssistantError
from assistant.knowledge.models import Passage
from assistant.words import normalised

PAGE = 30


@dataclass(frozen=True, slots=True)
class PassagePage:
    items: list[Passage]
    next_cursor: str | None


def usable() -> QuerySet[Passage]:
    """What may be given to anybody now. Words of people only while they allow that something is learned from them, in
    the conversation and in general, and while the conversation is there."""
    is_nobodys = Q(conversation=None)
    is_allowed = Q(
        conversation__deleted_at=None,
        conversation__training_consent_at__isnull=False,
        conversation__owner__training_consent_at__isnull=False,
    )
    return Passage.objects.filter(is_nobodys | is_allowed, retired_at=None)


def passages_of(
    text: str = "", cursor: str | None = None, *, is_retired: bool = False, among: Q | None = None
) -> PassagePage:
    """Those that have all the words of `text`, the newest first. Raises page.invalid_cursor."""
    rows = Passage.objects.filter(retired_at__isnull=False) if is_retired else usable()
    rows = rows.filter(among or Q())
    for word in normalised(text).split():
        rows = rows.filter(Q(question_words__contains=word) | Q(answer_words__contains=word))
    rows = rows.filter(_after(cursor)).select_related("approved_by").defer("vector").order_by("-created_at", "-id")
    found = list(rows[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    return PassagePage(found[:PAGE], f"{last.created_at.isoformat()}_{last.id}" if last else None)


def passage_of(passage_id: UUID) -> Passage:
    """One that may be given. Raises passage.not_found."""
    found = usable().filter(pk=passage_id).select_related("approved_by").defer("vector").first()
    if found is None:
        raise AssistantError("passage.not_found")
    return found


def _after(cursor: str | None) -> Q:
    if not cursor:
        return Q()
    at, _, id_ = cursor.rpartition("_")
    try:
        before, before_id = datetime.fromisoformat(at), UUID(id_)
        if before.tzinfo is None:
            raise ValueError
    except ValueError:
        raise AssistantError("page.invalid_cursor") from None
    return Q(created_at__lt=before) | Q(created_at=before, id__lt=before_id)
