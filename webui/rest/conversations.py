"""Conversations of visitors, what was said in them, and an agent's reply."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status
from uuid_utils.compat import uuid7

from assistant.chat.models import Message
from assistant.desk import messages
from assistant.desk.access import case_of, cases_of
from assistant.desk.models import Case
from webui.rest.core import FAILURES, Cursor, Limit, Storable, agent_of, page_of

router = Router(tags=["conversations"])
Mode = Literal["assistant", "waiting", "person", "resolved"]


class ConversationOut(Schema):
    """`mode` says who answers; `waiting_since` since when the visitor waits for a person."""

    id: UUID
    site_id: UUID
    contact_id: UUID
    assignee_id: UUID | None
    mode: Mode
    page: str
    preview: str
    waiting_since: datetime | None
    last_message_at: datetime | None
    first_reply_at: datetime | None
    resolved_at: datetime | None
    satisfaction: int | None
    created_at: datetime

    @staticmethod
    def resolve_id(row: Case) -> Any:
        return row.pk

    @staticmethod
    def resolve_contact_id(row: Case) -> Any:
        return row.visitor_id


class ConversationsOut(Schema):
    items: list[ConversationOut]
    next_cursor: UUID | None


class MessageOut(Schema):
    """`role`: user is the visitor, agent a person of the desk, assistant the model. `text` is empty while a reply is
    being written."""

    id: UUID
    parent_id: UUID | None
    role: Literal["system", "user", "assistant", "agent"]
    author_id: UUID | None
    text: str
    created_at: datetime
    edited_at: datetime | None


class MessagesOut(Schema):
    items: list[MessageOut]
    next_cursor: UUID | None


class ReplyIn(Schema):
    """Sent twice with the same `client_message_id`, a reply is stored once."""

    # The installation has a lower limit of its own, and says so.
    text: Annotated[Storable, Field(max_length=100_000)]
    client_message_id: UUID | None = None


@router.get("/conversations", response={200: ConversationsOut, **FAILURES})
def list_conversations(
    request: HttpRequest,
    site_id: UUID | None = None,
    contact_id: UUID | None = None,
    mode: Mode | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """The last begun first."""
    wanted = {"site": site_id, "visitor": contact_id, "mode": mode}
    rows = cases_of(agent_of(request)).filter(**{name: value for name, value in wanted.items() if value})
    return page_of(rows, cursor, limit)


@router.get("/conversations/{uuid:conversation_id}", response={200: ConversationOut, **FAILURES})
def read_conversation(request: HttpRequest, conversation_id: UUID) -> Case:
    return case_of(agent_of(request).id, conversation_id)


@router.get("/conversations/{uuid:conversation_id}/messages", response={200: MessagesOut, **FAILURES})
def list_messages(
    request: HttpRequest, conversation_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> dict[str, Any]:
    """The first first, of all branches; what only agents see is not among them."""
    case = case_of(agent_of(request).id, conversation_id)
    return page_of(Message.objects.filter(conversation=case.pk), cursor, limit, newest_first=False)


@router.post("/conversations/{uuid:conversation_id}/messages", response={201: MessageOut, **FAILURES})
def reply(request: HttpRequest, conversation_id: UUID, body: ReplyIn) -> Status[Message]:
    """Answer as the key's person, who thereby takes a conversation that nobody has."""
    person = agent_of(request)
    client_message_id = body.client_message_id or uuid7()
    said = messages.reply(
        person.id, client_message_id=client_message_id, conversation_id=conversation_id, text=body.text
    )
    return Status(201, said)
