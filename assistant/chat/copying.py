"""Puts messages written elsewhere (another conversation, a snapshot, a file) into a conversation, as a tree from which
the page and the model can go on. Where they come from and whether they may be copied is the callers' business."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.utils import timezone
from uuid_utils.compat import uuid7

from assistant.chat import search
from assistant.chat.models import Conversation, Message


@dataclass(frozen=True, slots=True)
class CopiedMessage:
    """`key` and `parent_key` are the source's own names; None: written at the beginning, or at an unknown time."""

    key: Hashable
    parent_key: Hashable | None
    role: str
    text: str
    created_at: datetime | None
    edited_at: datetime | None = None


def of_rows(rows: Iterable[Message]) -> list[CopiedMessage]:
    return [CopiedMessage(row.id, row.parent_id, row.role, row.text, row.created_at, row.edited_at) for row in rows]


def add_messages(conversation: Conversation, messages: list[CopiedMessage], head_key: Hashable | None) -> None:
    """Store a tree of messages in an empty conversation, to be found like any other; siblings keep their order. The
    branch through `head_key` becomes the visible one, without it the newest. A message whose parent is not among them
    is left out."""
    messages = alternating(messages)
    ids: dict[Hashable, UUID] = {message.key: uuid7() for message in messages}
    now = timezone.now()
    stored = Message.objects.bulk_create(
        [
            Message(
                id=ids[message.key],
                conversation=conversation,
                parent_id=None if message.parent_key is None else ids[message.parent_key],
                role=message.role,
                author_id=conversation.owner_id if message.role == Message.Role.USER else None,
                text=message.text,
                created_at=message.created_at or now,
                edited_at=message.edited_at,
            )
            for message in messages
        ],
        batch_size=500,
    )
    search.index_title(conversation)
    search.index_messages(stored)
    children = _by_parent(messages)
    leaf = head_key if head_key in ids else None
    while leaf in children:
        leaf = children[leaf][-1].key
    conversation.head_id = None if leaf is None else ids[leaf]
    Conversation.objects.filter(pk=conversation.pk).update(head_id=conversation.head_id)


def alternating(messages: list[CopiedMessage]) -> list[CopiedMessage]:
    """The tree with person and assistant taking turns, parents first: what the rest of the product relies on.

    Replies in a row (between which a tool was called) become one; where a person's message has no reply, an empty one
    takes its place, below which one can go on and which can be regenerated.
    """
    # Whoever answered, a copy has only the answer.
    answer, agent = Message.Role.ASSISTANT, Message.Role.AGENT
    messages = [replace(message, role=answer) if message.role == agent else message for message in messages]
    children = _by_parent(messages)
    turns: list[CopiedMessage] = []
    # What is still to be placed, below which turn, and the reply that it continues.
    todo: list[tuple[CopiedMessage, Hashable | None, CopiedMessage | None]]
    todo = [(root, None, None) for root in reversed(children[None])]
    while todo:
        message, parent_key, before = todo.pop()
        below = children[message.key]
        answers = [child for child in below if child.role == Message.Role.ASSISTANT]
        questions = [child for child in below if child.role != Message.Role.ASSISTANT]
        if message.role == Message.Role.ASSISTANT:
            if before:
                text = "\n\n".join(filter(None, (before.text, message.text)))
                message = replace(message, text=text, created_at=before.created_at)
            if questions or not answers:
                turns.append(replace(message, parent_key=parent_key))
            todo += [(answer, parent_key, message) for answer in reversed(answers)]
            todo += [(question, message.key, None) for question in reversed(questions)]
        elif message.role == Message.Role.SYSTEM:
            turns.append(replace(message, parent_key=parent_key))
            todo += [(child, message.key, None) for child in reversed(below)]
        else:
            turns.append(replace(message, parent_key=parent_key))
            todo += [(answer, message.key, None) for answer in reversed(answers)]
            if questions or not answers:
                reply = ("reply to", message.key)
                turns.append(CopiedMessage(reply, message.key, Message.Role.ASSISTANT, "", message.created_at))
                todo += [(question, reply, None) for question in reversed(questions)]
    return turns


def _by_parent(messages: list[CopiedMessage]) -> dict[Hashable | None, list[CopiedMessage]]:
    children: dict[Hashable | None, list[CopiedMessage]] = defaultdict(list)
    for message in messages:
        children[message.parent_key].append(message)
    return children
