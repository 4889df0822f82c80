"""The visible path of a conversation, its branches, and what people say about its replies."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status

from assistant.chat import actions, forking, queries
from assistant.feedback import actions as feedback
from assistant.feedback.models import Feedback
from webui.api.conversations import Limit
from webui.api.core import Error, person_of

router = Router()


class GenerationOut(Schema):
    id: UUID
    state: str
    finish_reason: str
    dropped_messages: int
    text_sha256: str
    error: Error | None


class MessageOut(Schema):
    id: UUID
    parent_id: UUID | None
    role: str
    text: str
    created_at: datetime
    client_message_id: UUID | None
    sibling_ids: list[UUID]
    rating: Literal["up", "down"] | None
    generation: GenerationOut | None


class ConversationHead(Schema):
    id: UUID
    title: str
    head_id: UUID | None
    is_temporary: bool
    is_pinned: bool
    is_archived: bool


class MessagesPage(Schema):
    conversation: ConversationHead
    items: list[MessageOut]
    next_leaf_id: UUID | None


class HeadIn(Schema):
    message_id: UUID


class ForkIn(Schema):
    scope: Literal["path", "all"]


class ForkOut(Schema):
    conversation_id: UUID


class RatingIn(Schema):
    rating: Literal["up", "down"]


class RatingOut(Schema):
    rating: str


@router.get("/conversations/{uuid:conversation_id}/messages", response=MessagesPage)
def list_messages(
    request: HttpRequest, conversation_id: UUID, leaf_id: UUID | None = None, limit: Limit = 50
) -> MessagesPage:
    person_id = person_of(request).id
    conversation = queries.conversation_of(person_id, conversation_id)
    page = queries.visible_path(person_id, conversation, leaf_id, limit)
    head = queries.head_view(conversation)
    return MessagesPage.model_validate(
        {"conversation": head, "items": page.items, "next_leaf_id": page.next_cursor}, from_attributes=True
    )


@router.put("/conversations/{uuid:conversation_id}/head", response={204: None})
def look_at_branch(request: HttpRequest, conversation_id: UUID, body: HeadIn) -> Status[None]:
    actions.look_at_branch(person_of(request).id, conversation_id, body.message_id)
    return Status(204, None)


@router.post("/messages/{uuid:message_id}/fork", response=ForkOut)
def fork(request: HttpRequest, message_id: UUID, body: ForkIn) -> ForkOut:
    return ForkOut(conversation_id=forking.fork(person_of(request).id, message_id, body.scope).id)


@router.put("/messages/{uuid:message_id}/feedback", response=RatingOut)
def rate(request: HttpRequest, message_id: UUID, body: RatingIn) -> Feedback:
    return feedback.rate(person_of(request).id, message_id, Feedback.Rating(body.rating))


@router.delete("/messages/{uuid:message_id}/feedback", response={204: None})
def withdraw(request: HttpRequest, message_id: UUID) -> Status[None]:
    feedback.withdraw(person_of(request).id, message_id)
    return Status(204, None)
