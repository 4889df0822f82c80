"""The files that a person takes along: of their conversations, whoever sent them, and what they sent to others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from assistant.desk import attachments
from assistant.desk.models import Attachment
from assistant.errors import AssistantError
from assistant.portability.names import safe


def files_of(person_id: UUID) -> QuerySet[Attachment]:
    theirs = Q(uploader=person_id) | Q(conversation__owner=person_id, message__isnull=False)
    kept = Attachment.objects.filter(theirs, conversation__deleted_at=None, conversation__is_temporary=False)
    return kept.order_by("id")


def document(row: Attachment) -> dict[str, Any]:
    """`file`: where it stands in the ZIP with everything."""
    fields = {name: getattr(row, name) for name in ("id", "name", "media_type", "size", "sha256", "created_at")}
    return {**fields, "file": name_of(row)}


def listed(person_id: UUID) -> dict[str, Any]:
    rows = files_of(person_id)
    return {
        "v": 1,
        "files": [
            {
                **document(row),
                "conversation_id": row.conversation_id,
                "message_id": row.message_id,
                "is_yours": row.uploader_id == person_id,
            }
            for row in rows
        ],
    }


def contents(person_id: UUID) -> Iterator[tuple[str, bytes]]:
    """Name and content of each. What has been erased meanwhile is left out."""
    for row in files_of(person_id).iterator():
        try:
            yield name_of(row), attachments.read(row)
        except AssistantError:
            continue


def name_of(row: Attachment) -> str:
    stem, _, ending = row.name.rpartition(".")
    return f"files/{safe(stem)} {row.id.hex[-8:]}.{ending}".replace("/ ", "/")
