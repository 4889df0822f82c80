"""A person's conversations as wholes: the list, where each is kept, and its end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status

from assistant.chat import listing, organizing
from webui.api.core import person_of

router = Router()

Limit = Annotated[int, Query(ge=1, le=200)]


class ConversationOut(Schema):
    id: UUID
    title: str
    updated_at: datetime
    is_answering: bool
    is_unread: bool
    is_pinned: bool
    is_archived: bool
    folder_id: UUID | None


class ConversationIn(Schema):
    """What is left out stays as it is."""

    title: str | None = None
    is_pinned: bool | None = None
    is_archived: bool | None = None


class ConversationList(Schema):
    items: list[ConversationOut]
    next_cursor: str | None


class ConversationsPage(ConversationList):
    # Of all the person's conversations outside the archive.
    unread_count: int


@router.get("/conversations", response=ConversationsPage)
def list_conversations(
    request: HttpRequest,
    cursor: str | None = None,
    limit: Limit = 30,
    is_archived: bool = False,
    folder: UUID | Literal["none"] | None = None,
) -> ConversationsPage:
    """`folder` leaves those of one folder, or of none."""
    person_id = person_of(request).id
    page = listing.conversations_of(person_id, cursor, limit, is_archived=is_archived, folder=folder)
    return ConversationsPage.model_validate(
        {"items": page.items, "next_cursor": page.next_cursor, "unread_count": listing.unread_count(person_id)},
        from_attributes=True,
    )


@router.patch("/conversations/{uuid:conversation_id}", response={204: None})
def organize(request: HttpRequest, conversation_id: UUID, body: ConversationIn) -> Status[None]:
    organizing.organize(person_of(request).id, conversation_id, **body.dict())
    return Status(204, None)


@router.put("/conversations/{uuid:conversation_id}/read", response={204: None})
def mark_read(request: HttpRequest, conversation_id: UUID) -> Status[None]:
    organizing.mark_read(person_of(request).id, conversation_id)
    return Status(204, None)


@router.delete("/conversations/{uuid:conversation_id}", response={204: None})
def delete(request: HttpRequest, conversation_id: UUID) -> Status[None]:
    organizing.delete(person_of(request).id, conversation_id)
    return Status(204, None)


@router.post("/conversations/{uuid:conversation_id}/restore", response={204: None})
def restore(request: HttpRequest, conversation_id: UUID) -> Status[None]:
    organizing.restore(person_of(request).id, conversation_id)
    return Status(204, None)
