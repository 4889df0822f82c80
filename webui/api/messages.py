"""The visible path of a conversation, its branches, and its messages one by one."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status

from assistant.chat import actions, branches, forking, queries
from assistant.chat.consent import TrainingUse
from assistant.chat.provenance import Provenance, provenance_of
from webui.api.conversations import Limit
from webui.api.core import Error, person_of
from webui.api.feedback import FeedbackOut

router = Router()


class SourceOut(Schema):
    """An approved answer behind a reply."""

    id: UUID
    question: str
    approved_by: str
    approved_at: datetime


class GenerationOut(Schema):
    id: UUID
    state: str
    finish_reason: str
    dropped_messages: int
    text_sha256: str
    error: Error | None
    # "served": the reply is an approved answer; "context": the model had some before it.
    knowledge: str
    sources: list[SourceOut]


class MessageOut(Schema):
    id: UUID
    parent_id: UUID | None
    # "agent": a person of the desk, who is called `author_name`.
    role: str
    author_name: str
    text: str
    created_at: datetime
    edited_at: datetime | None
    client_message_id: UUID | None
    sibling_ids: list[UUID]
    feedback: FeedbackOut | None
    generation: GenerationOut | None


class ConversationHead(Schema):
    id: UUID
    title: str
    head_id: UUID | None
    is_temporary: bool
    is_pinned: bool
    is_archived: bool
    folder_id: UUID | None
    is_unread: bool
    model_choice: str
    training_use: TrainingUse


class MessagesPage(Schema):
    """`next_leaf_id` asks for what is older, as leaf_id; `next_after_id` for what is newer, as after."""

    conversation: ConversationHead
    items: list[MessageOut]
    next_leaf_id: UUID | None
    next_after_id: UUID | None


class HeadIn(Schema):
    message_id: UUID


class TextIn(Schema):
    text: str


class ForkIn(Schema):
    scope: forking.Scope


class ForkOut(Schema):
    conversation_id: UUID


class ProvenanceOut(Schema):
    base_model: str
    base_model_sha256: str
    adapter: str
    adapter_sha256: str
    sampling: dict[str, Any]
    chat_template_sha256: str
    prompt_sha256: str
    prompt_tokens: int | None
    dropped_messages: int
    knowledge: str
    completion_tokens: int
    attempts: int
    created_at: datetime
    started_at: datetime | None
    first_token_at: datetime | None
    finished_at: datetime | None


@router.get("/conversations/{uuid:conversation_id}/messages", response=MessagesPage)
def list_messages(
    request: HttpRequest,
    conversation_id: UUID,
    leaf_id: UUID | None = None,
    around: UUID | None = None,
    after: UUID | None = None,
    limit: Limit = 50,
) -> MessagesPage:
    """The newest messages of the branch that is looked at; or those up to a leaf, around a message, or after one."""
    person = person_of(request)
    conversation = queries.conversation_of(person.id, conversation_id)
    if around:
        window = branches.window_around(person.id, conversation, around, limit)
    elif after:
        window = branches.window_after(person.id, conversation, after, limit)
    else:
        window = branches.visible_path(person.id, conversation, leaf_id, limit)
    head = queries.head_view(conversation, person)
    fields = {name: getattr(window, name) for name in ("items", "next_leaf_id", "next_after_id")}
    return MessagesPage.model_validate({"conversation": head, **fields}, from_attributes=True)


@router.put("/conversations/{uuid:conversation_id}/head", response={204: None})
def look_at_branch(request: HttpRequest, conversation_id: UUID, body: HeadIn) -> Status[None]:
    actions.look_at_branch(person_of(request).id, conversation_id, body.message_id)
    return Status(204, None)


@router.post("/messages/{uuid:message_id}/fork", response=ForkOut)
def fork(request: HttpRequest, message_id: UUID, body: ForkIn) -> ForkOut:
    return ForkOut(conversation_id=forking.fork(person_of(request).id, message_id, body.scope).id)


@router.patch("/messages/{uuid:message_id}", response={204: None})
def edit(request: HttpRequest, message_id: UUID, body: TextIn) -> Status[None]:
    actions.edit_message(person_of(request).id, message_id, body.text)
    return Status(204, None)


@router.get("/messages/{uuid:message_id}/provenance", response=ProvenanceOut)
def provenance(request: HttpRequest, message_id: UUID) -> Provenance:
    """Asked for when somebody looks: it is larger than most messages."""
    return provenance_of(person_of(request).id, message_id)
