"""Reads about share links: an owner's own, and what stands behind an address that somebody was given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models.fields.json import KT

from assistant.accounts.models import Person
from assistant.chat.queries import Page, conversation_of
from assistant.errors import AssistantError
from assistant.sharing.models import ShareLink


@dataclass(frozen=True, slots=True)
class ShareLinkView:
    conversation_id: UUID
    token: str
    audience: str
    title: str
    created_at: datetime
    snapshot_at: datetime


def link_of(person_id: UUID, conversation_id: UUID) -> ShareLink:
    """Raises conversation.not_found, share.not_found."""
    link = ShareLink.objects.filter(conversation=conversation_of(person_id, conversation_id)).first()
    if link is None:
        raise AssistantError("share.not_found")
    return link


def links_of(person_id: UUID, cursor: str | None = None, limit: int = 30) -> Page[ShareLinkView]:
    """All links of a person that can be opened, newest first. Raises page.invalid_cursor."""
    rows = ShareLink.objects.filter(conversation__owner_id=person_id, conversation__deleted_at=None)
    if cursor:
        try:
            rows = rows.filter(id__lt=UUID(cursor))
        except ValueError:
            raise AssistantError("page.invalid_cursor") from None
    fields = ("id", "conversation_id", "token", "audience", "created_at", "snapshot_at")
    found = list(rows.annotate(title=KT("snapshot__title")).order_by("-id").values(*fields, "title")[: limit + 1])
    ids = [row.pop("id") for row in found]
    items = [ShareLinkView(**row) for row in found[:limit]]
    return Page(items, str(ids[limit - 1]) if len(found) > limit else None)


def shared(token: str, reader: Person | None) -> ShareLink:
    """What stands behind an address. Raises share.not_found, and share.members_only for guests and strangers."""
    link = ShareLink.objects.filter(
        token=token, conversation__deleted_at=None, conversation__owner__is_active=True
    ).first()
    if link is None:
        raise AssistantError("share.not_found")
    if link.audience == ShareLink.Audience.MEMBERS and (reader is None or reader.is_guest):
        raise AssistantError("share.members_only")
    return link
