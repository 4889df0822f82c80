"""Reads what was said: the tree of a conversation's messages, and stretches of the branch that is looked at."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch

from assistant.chat.models import Conversation, Generation, Message, RetrievedPassage
from assistant.errors import AssistantError, failure_message
from assistant.knowledge.models import Passage

Children = dict[UUID | None, list[UUID]]


@dataclass(frozen=True, slots=True)
class ErrorView:
    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class SourceView:
    """An approved answer behind a reply: the question that it was approved for, by whom and when."""

    id: UUID
    question: str
    approved_by: str
    approved_at: datetime


@dataclass(frozen=True, slots=True)
class GenerationView:
    id: UUID
    state: str
    finish_reason: str
    dropped_messages: int
    text_sha256: str
    error: ErrorView | None
    knowledge: str
    sources: list[SourceView]


@dataclass(frozen=True, slots=True)
class FeedbackView:
    rating: str
    reasons: list[str]
    comment: str
    correction: str


@dataclass(frozen=True, slots=True)
class MessageView:
    id: UUID
    parent_id: UUID | None
    role: str
    author_name: str  # of a person of the desk
    text: str
    created_at: datetime
    edited_at: datetime | None
    client_message_id: UUID | None
    sibling_ids: list[UUID]
    feedback: FeedbackView | None
    generation: GenerationView | None


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one branch, oldest message first. `next_leaf_id` is the leaf of the window above it, and
    `next_after_id` the message that the window below it follows; None where the branch begins or ends."""

    items: list[MessageView]
    next_leaf_id: UUID | None
    next_after_id: UUID | None
    is_current: bool  # on the branch that the owner looks at


def visible_path(person_id: UUID, conversation: Conversation, leaf_id: UUID | None = None, limit: int = 50) -> Window:
    """The messages from `leaf_id` (default: the head) up towards the root. Raises message.not_found."""
    children, head_id = tree_of(conversation)
    leaf = leaf_id or head_id
    branch = _branch(children, leaf) if leaf else []
    return _window(branch, len(branch) - limit, limit, children, person_id)


def window_around(person_id: UUID, conversation: Conversation, message_id: UUID, limit: int = 50) -> Window:
    """The messages before and after this one: on the branch that is looked at where it runs through the message, else
    on the newest branch that does. Raises message.not_found."""
    children, head_id = tree_of(conversation)
    branch, is_current = _branch_through(children, head_id, message_id)
    begin = min(branch.index(message_id) - limit // 2, len(branch) - limit)
    return _window(branch, begin, limit, children, person_id, is_current=is_current)


def window_after(person_id: UUID, conversation: Conversation, message_id: UUID, limit: int = 50) -> Window:
    """The messages below this one, on the same branch as window_around. Raises message.not_found."""
    children, head_id = tree_of(conversation)
    branch, is_current = _branch_through(children, head_id, message_id)
    return _window(branch, branch.index(message_id) + 1, limit, children, person_id, is_current=is_current)


def _window(
    branch: list[UUID], begin: int, limit: int, children: Children, person_id: UUID, *, is_current: bool = True
) -> Window:
    begin = max(0, begin)
    end = begin + limit
    return Window(
        items=_message_views(branch[begin:end], children, person_id),
        next_leaf_id=branch[begin - 1] if begin else None,
        next_after_id=branch[end - 1] if end < len(branch) else None,
        is_current=is_current,
    )


def _branch_through(children: Children, head_id: UUID | None, message_id: UUID) -> tuple[list[UUID], bool]:
    looked_at = _branch(children, head_id) if head_id else []
    if message_id in looked_at:
        return looked_at, True
    return _branch(children, newest_leaf(children, message_id)), False


def _branch(children: Children, leaf_id: UUID) -> list[UUID]:
    """The ids from the root to this leaf. Raises message.not_found."""
    parents = {id_: parent_id for parent_id, ids in children.items() for id_ in ids}
    if leaf_id not in parents:
        raise AssistantError("message.not_found")
    path: list[UUID] = []
    step: UUID | None = leaf_id
    while step is not None:
        path.append(step)
        step = parents[step]
    return path[::-1]


def newest_leaf(children: Children, message_id: UUID) -> UUID:
    """The end of the newest branch that runs through this message."""
    leaf = message_id
    while leaf in children:
        leaf = children[leaf][-1]
    return leaf


def tree_of(conversation: Conversation) -> tuple[Children, UUID | None]:
    """Ids of each message's children, oldest first, those that begin the conversation under None; and its head."""
    # One statement: a head that was read before may be a draft by now, which is no message.
    rows = list(conversation.messages.order_by("id").values_list("id", "parent_id", "conversation__head_id"))
    children: Children = defaultdict(list)
    for id_, parent_id, _ in rows:
        children[parent_id].append(id_)
    return children, rows[0][2] if rows else None


def path_to(message: Message) -> list[Message]:
    """The messages from the root to this one."""
    messages = message.conversation.messages.in_bulk()
    path, step = [message], message.parent_id
    while step is not None:
        path.append(messages[step])
        step = messages[step].parent_id
    return path[::-1]


def _message_views(ids: list[UUID], children: Children, person_id: UUID) -> list[MessageView]:
    retrieved = RetrievedPassage.objects.select_related("passage__approved_by").defer("passage__vector")
    rows = (
        Message.objects.select_related("generation", "author")
        .prefetch_related("feedback", Prefetch("generation__sources", retrieved))
        .in_bulk(ids)
    )
    # What has become a draft since it was among the ids is not there.
    return [_message_view(rows[id_], children[rows[id_].parent_id], person_id) for id_ in ids if id_ in rows]


def _message_view(message: Message, siblings: list[UUID], person_id: UUID) -> MessageView:
    generation = getattr(message, "generation", None)
    own = [
        FeedbackView(feedback.rating, feedback.reasons, feedback.comment, feedback.correction)
        for feedback in message.feedback.all()
        if feedback.person_id == person_id
    ]
    return MessageView(
        id=message.id,
        parent_id=message.parent_id,
        role=message.role,
        author_name=author_name(message),
        text=message.text,
        created_at=message.created_at,
        edited_at=message.edited_at,
        client_message_id=message.client_message_id,
        sibling_ids=siblings,
        feedback=own[0] if own else None,
        generation=_generation_view(generation) if generation else None,
    )


def author_name(message: Message) -> str:
    """What a visitor is told of who answers; "" for all who are not of the desk, and for one who is gone."""
    return message.author.name if message.role == Message.Role.AGENT and message.author else ""


def _generation_view(generation: Generation) -> GenerationView:
    return GenerationView(
        id=generation.id,
        state=generation.state,
        finish_reason=generation.finish_reason,
        dropped_messages=generation.dropped_messages,
        text_sha256=generation.text_sha256,
        error=error_of(generation),
        knowledge=generation.knowledge,
        sources=[_source_view(row.passage) for row in generation.sources.all()],
    )


def _source_view(passage: Passage) -> SourceView:
    approved_by = passage.approved_by.name if passage.approved_by else ""
    return SourceView(passage.id, passage.question, approved_by, passage.created_at)


def error_of(generation: Generation) -> ErrorView | None:
    """Why a generation failed; its sentence stands in the row."""
    if generation.state != Generation.State.FAILED:
        return None
    retryable = AssistantError.is_retryable(generation.error_code)
    message = failure_message(generation.error_code, generation.error_message)
    return ErrorView(generation.error_code, message, retryable)
