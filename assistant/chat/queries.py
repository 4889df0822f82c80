"""Reads about conversations. Every look-up goes through the owner: what belongs to another person is not found."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from assistant.chat.models import Conversation, Generation, Message
from assistant.errors import AssistantError, failure_message

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    items: list[Item]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ErrorView:
    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class GenerationView:
    id: UUID
    state: str
    finish_reason: str
    dropped_messages: int
    text_sha256: str
    error: ErrorView | None


@dataclass(frozen=True, slots=True)
class MessageView:
    id: UUID
    parent_id: UUID | None
    role: str
    text: str
    created_at: datetime
    client_message_id: UUID | None
    sibling_ids: list[UUID]
    rating: str | None
    generation: GenerationView | None


@dataclass(frozen=True, slots=True)
class ConversationView:
    id: UUID
    title: str
    updated_at: datetime
    is_answering: bool
    is_pinned: bool
    is_archived: bool


@dataclass(frozen=True, slots=True)
class HeadView:
    """The open conversation, as its page's head shows it."""

    id: UUID
    title: str
    head_id: UUID | None
    is_temporary: bool
    is_pinned: bool
    is_archived: bool


def head_view(row: Conversation) -> HeadView:
    return HeadView(
        id=row.id,
        title=row.title,
        head_id=row.head_id,
        is_temporary=row.is_temporary,
        is_pinned=row.pinned_at is not None,
        is_archived=row.archived_at is not None,
    )


def conversation_of(person_id: UUID, conversation_id: UUID) -> Conversation:
    conversation = Conversation.objects.filter(pk=conversation_id, owner_id=person_id, deleted_at=None).first()
    if conversation is None:
        raise AssistantError("conversation.not_found")
    return conversation


def kept_conversation_of(person_id: UUID, conversation_id: UUID) -> Conversation:
    """One that may be copied to somewhere else. Raises conversation.not_found, conversation.temporary."""
    conversation = conversation_of(person_id, conversation_id)
    if conversation.is_temporary:
        raise AssistantError("conversation.temporary")
    return conversation


def message_of(person_id: UUID, message_id: UUID) -> Message:
    message = (
        Message.objects.select_related("conversation", "parent")
        .filter(pk=message_id, conversation__owner_id=person_id, conversation__deleted_at=None)
        .first()
    )
    if message is None:
        raise AssistantError("message.not_found")
    return message


def generation_of(person_id: UUID, generation_id: UUID) -> Generation:
    generation = Generation.objects.filter(pk=generation_id, conversation__owner_id=person_id).first()
    if generation is None:
        raise AssistantError("generation.not_found")
    return generation


def conversations_of(
    person_id: UUID, cursor: str | None = None, limit: int = 30, *, is_archived: bool = False
) -> Page[ConversationView]:
    """A person's conversations: the pinned ones first, then the last changed. `cursor` is the `next_cursor` of the
    page before. Raises page.invalid_cursor."""
    rows = Conversation.objects.filter(
        owner_id=person_id, deleted_at=None, is_temporary=False, archived_at__isnull=not is_archived
    ).alias(is_unpinned=Q(pinned_at=None))
    if cursor:
        unpinned, at, id_ = [*cursor.split("_"), "", ""][:3]
        try:
            before, before_id = datetime.fromisoformat(at), UUID(id_)
        except ValueError:
            raise AssistantError("page.invalid_cursor") from None
        is_later = Q(updated_at__lt=before) | Q(updated_at=before, id__lt=before_id)
        rows = rows.filter(is_later & Q(pinned_at=None) if unpinned == "1" else Q(pinned_at=None) | is_later)
    answering = Generation.objects.filter(conversation=OuterRef("pk"), state__in=Generation.ACTIVE)
    found = list(
        rows.order_by("is_unpinned", "-updated_at", "-id").annotate(is_answering=Exists(answering))[: limit + 1]
    )
    items = [
        ConversationView(c.id, c.title, c.updated_at, c.is_answering, c.pinned_at is not None, is_archived)
        for c in found[:limit]
    ]
    last = items[-1] if len(found) > limit else None
    return Page(items, f"{int(not last.is_pinned)}_{last.updated_at.isoformat()}_{last.id}" if last else None)


def visible_path(
    person_id: UUID, conversation: Conversation, leaf_id: UUID | None = None, limit: int = 50
) -> Page[MessageView]:
    """The messages from `leaf_id` (default: the head) up towards the root, at most `limit`, oldest first.
    `next_cursor` is the leaf of the older page. Raises message.not_found."""
    parents = dict(conversation.messages.values_list("id", "parent_id"))
    children = children_by_parent(conversation)
    leaf = leaf_id or conversation.head_id
    if leaf is None:
        return Page([], None)
    if leaf not in parents:
        raise AssistantError("message.not_found")
    path: list[UUID] = []
    step: UUID | None = leaf
    while step is not None and len(path) < limit:
        path.append(step)
        step = parents[step]
    rows = Message.objects.filter(pk__in=path).select_related("generation").prefetch_related("feedback").in_bulk(path)
    items = [_message_view(rows[pk], children[rows[pk].parent_id], person_id) for pk in reversed(path)]
    return Page(items, str(step) if step else None)


def children_by_parent(conversation: Conversation) -> dict[UUID | None, list[UUID]]:
    """Ids of each message's children, oldest first; the beginnings of the conversation stand under None."""
    children: dict[UUID | None, list[UUID]] = defaultdict(list)
    for id_, parent_id in conversation.messages.order_by("id").values_list("id", "parent_id"):
        children[parent_id].append(id_)
    return children


def path_to(message: Message) -> list[Message]:
    """The messages from the root to this one."""
    messages = message.conversation.messages.in_bulk()
    path, step = [message], message.parent_id
    while step is not None:
        path.append(messages[step])
        step = messages[step].parent_id
    return path[::-1]


def _message_view(message: Message, siblings: list[UUID], person_id: UUID) -> MessageView:
    generation = getattr(message, "generation", None)
    own = [feedback.rating for feedback in message.feedback.all() if feedback.person_id == person_id]
    return MessageView(
        id=message.id,
        parent_id=message.parent_id,
        role=message.role,
        text=message.text,
        created_at=message.created_at,
        client_message_id=message.client_message_id,
        sibling_ids=siblings,
        rating=own[0] if own else None,
        generation=_generation_view(generation) if generation else None,
    )


def _generation_view(generation: Generation) -> GenerationView:
    return GenerationView(
        id=generation.id,
        state=generation.state,
        finish_reason=generation.finish_reason,
        dropped_messages=generation.dropped_messages,
        text_sha256=generation.text_sha256,
        error=error_of(generation),
    )


def error_of(generation: Generation) -> ErrorView | None:
    """Why a generation failed; its sentence stands in the row."""
    if generation.state != Generation.State.FAILED:
        return None
    retryable = AssistantError.is_retryable(generation.error_code)
    message = failure_message(generation.error_code, generation.error_message)
    return ErrorView(generation.error_code, message, retryable)
