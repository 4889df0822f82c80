"""Reads one conversation of an export of ChatGPT: a `mapping` of nodes with `parent` and `children`, some of which hold
a message; `current_node` is the leaf that was looked at. Fields it does not need may be anything.

Left out and counted: what the person never saw (system and tool messages, hidden ones, calls of tools) and what is not
text. What hung below it hangs below the nearest message above.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from assistant.chat.copying import CopiedMessage
from assistant.chat.models import Message
from assistant.chat.texts import storable
from assistant.portability.values import MAX_TEXT_CHARS, ReadConversation, in_order, title_from

_ROLES = {"user": Message.Role.USER, "assistant": Message.Role.ASSISTANT}


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Author(_Part):
    role: str


class _Content(_Part):
    content_type: str
    # Not checked as str: halves of surrogate pairs, which are found in real exports, would be refused.
    parts: list[Any] | None = None


class _Message(_Part):
    author: _Author
    content: _Content
    create_time: float | None = None
    weight: float | None = None
    recipient: str | None = None
    metadata: dict[str, Any] | None = None

    @property
    def is_hidden(self) -> bool:
        return (
            self.author.role not in _ROLES
            or self.weight == 0
            or self.recipient not in (None, "all")
            or bool((self.metadata or {}).get("is_visually_hidden_from_conversation"))
        )


class _Node(_Part):
    message: _Message | None = None
    parent: str | None = None
    children: list[str] | None = None


class _Conversation(_Part):
    title: Any = None
    create_time: float | None = None
    update_time: float | None = None
    is_archived: bool | None = None
    current_node: str | None = None
    mapping: dict[str, _Node]


def is_one(document: dict[str, Any]) -> bool:
    return "mapping" in document


def read(document: dict[str, Any]) -> ReadConversation:
    """Raises pydantic.ValidationError, import.invalid_tree, import.too_many_messages."""
    conversation = _Conversation.model_validate(document)
    nodes = conversation.mapping
    begun_at = _time(conversation.create_time)
    left_out: Counter[str] = Counter()
    messages: list[CopiedMessage] = []
    # The nearest message that is kept, at each node or above it.
    kept: dict[str | None, str | None] = {None: None}
    listed = {key: node.children or [] for key, node in nodes.items()}
    for key in in_order({key: node.parent for key, node in nodes.items()}, listed):
        node = nodes[key]
        text = _text(node.message, left_out) if node.message else ""
        kept[key] = key if text else kept[node.parent]
        if text and node.message:
            role = _ROLES[node.message.author.role]
            at = _time(node.message.create_time) or begun_at
            messages.append(CopiedMessage(key, kept[node.parent], role, text, at))
    return ReadConversation(
        title=title_from(conversation.title),
        created_at=begun_at,
        updated_at=_time(conversation.update_time),
        is_archived=bool(conversation.is_archived),
        messages=messages,
        head_key=kept.get(conversation.current_node),
        left_out=left_out,
    )


def _text(message: _Message, left_out: Counter[str]) -> str:
    """What is kept of a message; empty if nothing is."""
    if message.is_hidden:
        left_out["hidden"] += 1
        return ""
    if message.content.content_type not in ("text", "multimodal_text"):
        left_out["not_text"] += 1
        return ""
    texts = []
    for part in message.content.parts or []:
        if isinstance(part, dict) and part.get("content_type") == "audio_transcription":
            part = part.get("text")
        if isinstance(part, str):
            texts.append(part)
        else:
            left_out["not_text"] += 1
            # Of a person's message something must stay, or the answer to a picture would belong to the turn before.
            if message.author.role == "user" and isinstance(part, dict):
                texts.append("[image]" if "image" in str(part.get("content_type")) else "[attachment]")
    text = storable("\n\n".join(texts))
    if len(text) > MAX_TEXT_CHARS:
        left_out["too_long"] += 1
        return ""
    return text if text.strip() else ""


def _time(seconds: float | None) -> datetime | None:
    if seconds is None or not 0 < seconds < 32_503_680_000:  # the year 3000; NaN is not between either
        return None
    return datetime.fromtimestamp(seconds, UTC)
