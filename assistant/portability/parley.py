"""Reads one conversation of our own export (docs/data.md). The file may have been written by anybody: only the tree of
texts, their times and the title are taken from it; whose replies they were, ratings and settings are not believed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from assistant.chat.copying import CopiedMessage
from assistant.chat.models import Message
from assistant.chat.texts import storable
from assistant.errors import AssistantError
from assistant.portability.documents import FORMAT, VERSION
from assistant.portability.values import MAX_TEXT_CHARS, ReadConversation, in_order, title_from

_Time = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC))]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Message(_Part):
    id: str
    parent_id: str | None
    role: Message.Role
    text: Any
    created_at: _Time
    edited_at: _Time | None = None


class _Conversation(_Part):
    v: int
    title: Any = None
    created_at: _Time
    updated_at: _Time
    is_archived: bool = False
    head_id: str | None = None
    messages: list[_Message]


def is_one(document: dict[str, Any]) -> bool:
    return document.get("format") == FORMAT


def read(document: dict[str, Any]) -> ReadConversation:
    """Raises pydantic.ValidationError, import.newer_version, import.invalid_tree, import.too_many_messages."""
    if isinstance(document.get("v"), int) and document["v"] > VERSION:
        raise AssistantError("import.newer_version")
    conversation = _Conversation.model_validate(document)
    found = {message.id: message for message in conversation.messages}
    if len(found) < len(conversation.messages):
        raise AssistantError("import.invalid_tree")
    left_out: Counter[str] = Counter()
    messages: list[CopiedMessage] = []
    kept: dict[str | None, str | None] = {None: None}
    for key in in_order({id_: message.parent_id for id_, message in found.items()}, {}):
        message = found[key]
        if reason := _why_not(message):
            left_out[reason] += 1
            kept[key] = kept[message.parent_id]
            continue
        kept[key] = key
        text = storable(message.text)
        parent = kept[message.parent_id]
        messages.append(CopiedMessage(key, parent, message.role, text, message.created_at, message.edited_at))
    return ReadConversation(
        title=title_from(conversation.title),
        created_at=conversation.created_at,
        updated_at=conversation.updated_at,
        is_archived=conversation.is_archived,
        messages=messages,
        head_key=kept.get(conversation.head_id),
        left_out=left_out,
    )


def _why_not(message: _Message) -> str | None:
    if message.role == Message.Role.SYSTEM:
        return "hidden"
    if not isinstance(message.text, str):
        return "not_text"
    if len(message.text) > MAX_TEXT_CHARS:
        return "too_long"
    # A reply may be empty: nothing was written before it was stopped.
    return None if message.text.strip() or message.role == Message.Role.ASSISTANT else "not_text"
