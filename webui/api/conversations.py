"""A person's conversations as wholes: the list, where each is kept, and its end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status

from assistant.chat import organizing, queries
from webui.api.core import person_of

router = Router()

Limit = Annotated[int, Query(ge=1, le=200)]


class ConversationOut(Schema):
    id: UUID
    title: str
    updated_at: datetime
    is_answering: bool
    is_pinned: bool
    is_archived: bool


class ConversationIn(Schema):
    """What is left out stays as it is."""

    title: str | None = None
    is_pinned: bool | None = None
    is_archived: bool | None = None


class ConversationsPage(Schema):
    items: list[ConversationOut]
    next_cursor: str | None


@router.get("/conversations", response=ConversationsPage)
def list_conversations(
    request: HttpRequest, cursor: str | None = None, limit: Limit = 30, is_archived: bool = False
) -> ConversationsPage:
    page = queries.conversations_of(person_of(request).id, cursor, limit, is_archived=is_archived)
    return ConversationsPage.model_validate(page, from_attributes=True)


@router.patch("/conversations/{uuid:conversation_id}", response={204: None})
def organize(request: HttpRequest, conversation_id: UUID, body: ConversationIn) -> Status[None]:
    organizing.organize(person_of(request).id, conversation_id, **body.dict())
    return Status(204, None)


@router.delete("/conversations/{uuid:conversation_id}", response={204: None})
def delete(request: HttpRequest, conversation_id: UUID) -> Status[None]:
    organizing.delete(person_of(request).id, conversation_id)
    return Status(204, None)


@router.post("/conversations/{uuid:conversation_id}/restore", response={204: None})
def restore(request: HttpRequest, conversation_id: UUID) -> Status[None]:
    organizing.restore(person_of(request).id, conversation_id)
    return Status(204, None)
