"""Reads a person's conversations as lists: by folder, pinned ones first, with what is unread or being answered."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from assistant.chat.models import Conversation, Folder, Generation
from assistant.chat.queries import Page, folder_of
from assistant.errors import AssistantError

if TYPE_CHECKING:
    from typing import TypedDict

    from django_stubs_ext import WithAnnotations

    class Answering(TypedDict):
        is_answering: bool

    Listed = WithAnnotations[Conversation, Answering]

# Answered after the owner last looked.
UNREAD = Q(answered_at__isnull=False) & (Q(read_at=None) | Q(read_at__lt=F("answered_at")))
PINNED_THEN_NEWEST = ("is_unpinned", "-updated_at", "-id")


@dataclass(frozen=True, slots=True)
class ConversationView:
    id: UUID
    title: str
    updated_at: datetime
    is_answering: bool
    is_unread: bool
    is_pinned: bool
    is_archived: bool
    folder_id: UUID | None


@dataclass(frozen=True, slots=True)
class FolderView:
    id: UUID
    name: str
    count: int
    unread_count: int
    conversations: Page[ConversationView]


def conversations_of(
    person_id: UUID,
    cursor: str | None = None,
    limit: int = 30,
    *,
    is_archived: bool = False,
    folder: UUID | Literal["none"] | None = None,
) -> Page[ConversationView]:
    """A person's conversations: the pinned ones first, then the last changed. `folder` leaves those of one folder, or
    of none. `cursor` is the `next_cursor` of the page before. Raises page.invalid_cursor and folder.not_found."""
    rows = _listed(person_id).filter(archived_at__isnull=not is_archived)
    if folder == "none":
        rows = rows.filter(folder=None)
    elif folder is not None:
        rows = rows.filter(folder=folder_of(person_id, folder))
    if cursor:
        unpinned, at, id_ = [*cursor.split("_"), "", ""][:3]
        try:
            before, before_id = datetime.fromisoformat(at).astimezone(UTC), UUID(id_)
        except (ValueError, OverflowError):
            raise AssistantError("page.invalid_cursor") from None
        is_later = Q(updated_at__lt=before) | Q(updated_at=before, id__lt=before_id)
        rows = rows.filter(is_later & Q(pinned_at=None) if unpinned == "1" else Q(pinned_at=None) | is_later)
    return _page(list(rows.order_by(*PINNED_THEN_NEWEST)[: limit + 1]), limit)


def folders_of(person_id: UUID, limit: int = 10) -> list[FolderView]:
    """A person's folders by name, each with its first conversations; `conversations_of` has those that follow."""
    rows = _listed(person_id).filter(archived_at=None, folder__isnull=False)
    totals = rows.values("folder").annotate(count=Count("pk"), unread_count=Count("pk", filter=UNREAD))
    counts = {total["folder"]: (total["count"], total["unread_count"]) for total in totals.order_by()}
    inside: dict[UUID | None, list[Listed]] = defaultdict(list)
    place = Window(RowNumber(), partition_by=F("folder"), order_by=PINNED_THEN_NEWEST)
    for row in rows.annotate(place=place).filter(place__lte=limit + 1).order_by(*PINNED_THEN_NEWEST):
        inside[row.folder_id].append(row)
    folders = sorted(Folder.objects.filter(owner=person_id), key=lambda folder: folder.name.casefold())
    return [
        FolderView(folder.id, folder.name, *counts.get(folder.id, (0, 0)), _page(inside[folder.id], limit))
        for folder in folders
    ]


def unread_count(person_id: UUID) -> int:
    return _listed(person_id).filter(UNREAD, archived_at=None).count()


def _listed(person_id: UUID) -> QuerySet[Listed]:
    answering = Generation.objects.filter(conversation=OuterRef("pk"), state__in=Generation.ACTIVE)
    return (
        Conversation.objects.filter(owner_id=person_id, deleted_at=None, is_temporary=False)
        .alias(is_unpinned=Q(pinned_at=None))
        .annotate(is_answering=Exists(answering))
    )


def _page(rows: list[Listed], limit: int) -> Page[ConversationView]:
    """What is shown of `limit` rows and, if there is another, the place after them."""
    items = [
        ConversationView(
            id=row.id,
            title=row.title,
            updated_at=row.updated_at,
            is_answering=row.is_answering,
            is_unread=row.is_unread,
            is_pinned=row.pinned_at is not None,
            is_archived=row.archived_at is not None,
            folder_id=row.folder_id,
        )
        for row in rows[:limit]
    ]
    last = items[-1] if len(rows) > limit else None
    return Page(items, f"{int(not last.is_pinned)}_{last.updated_at.isoformat()}_{last.id}" if last else None)
