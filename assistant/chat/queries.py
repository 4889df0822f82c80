"""Reads about conversations. Every look-up goes through the owner: what belongs to another person is not found."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic, Literal, TypeVar
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.expressions import Window as OverRows
from django.db.models.functions import RowNumber

from assistant.accounts.models import Person
from assistant.chat.consent import TrainingUse, training_use
from assistant.chat.models import Conversation, Folder, Generation, Message, Worker
from assistant.errors import AssistantError, failure_message

if TYPE_CHECKING:
    from typing import TypedDict

    from django_stubs_ext import WithAnnotations

    class Answering(TypedDict):
        is_answering: bool

    Listed = WithAnnotations[Conversation, Answering]

Item = TypeVar("Item")
Children = dict[UUID | None, list[UUID]]

# Answered after the owner last looked.
UNREAD = Q(answered_at__isnull=False) & (Q(read_at=None) | Q(read_at__lt=F("answered_at")))
PINNED_THEN_NEWEST = ("is_unpinned", "-updated_at", "-id")


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


@dataclass(frozen=True, slots=True)
class ConversationView:
    id: UUID
    title: str
    updated_at: datetime
    is_answering: bool
    is_unread: bool
    is_pinned: bool
    is_archived: bool
    folder_id: UUID | None


@dataclass(frozen=True, slots=True)
class FolderView:
    id: UUID
    name: str
    count: int
    unread_count: int
    conversations: Page[ConversationView]


@dataclass(frozen=True, slots=True)
class HeadView:
    """The open conversation, as its page's head shows it."""

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


def head_view(row: Conversation, owner: Person) -> HeadView:
    return HeadView(
        id=row.id,
        title=row.title,
        head_id=row.head_id,
        is_temporary=row.is_temporary,
        is_pinned=row.pinned_at is not None,
        is_archived=row.archived_at is not None,
        folder_id=row.folder_id,
        is_unread=row.is_unread,
        model_choice=row.model_choice,
        training_use=training_use(row, owner),
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


def is_stored(person_id: UUID, client_message_id: UUID) -> bool:
    """Whether this message has been accepted before, so that it is only sent again."""
    return Message.objects.filter(author_id=person_id, client_message_id=client_message_id).exists()


def generation_of(person_id: UUID, generation_id: UUID) -> Generation:
    generation = Generation.objects.filter(pk=generation_id, conversation__owner_id=person_id).first()
    if generation is None:
        raise AssistantError("generation.not_found")
    return generation


def loaded_base_model() -> str:
    """The hash of the base model that replies are written with now; "" while no worker is ready."""
    ready = Worker.objects.filter(state=Worker.State.READY).order_by("-beat_at")
    return ready.values_list("base_model_sha256", flat=True).first() or ""


def conversations_of(
    person_id: UUID,
    cursor: str | None = None,
    limit: int = 30,
    *,
    is_archived: bool = False,
    folder: UUID | Literal["none"] | None = None,
) -> Page[ConversationView]:
    """A person's conversations: the pinned ones first, then the last changed. `folder` leaves those of one folder, or
    of none. `cursor` is the `next_cursor` of the page before. Raises page.invalid_cursor and folder.not_found."""
    rows = _listed(person_id).filter(archived_at__isnull=not is_archived)
    if folder == "none":
        rows = rows.filter(folder=None)
    elif folder is not None:
        rows = rows.filter(folder=folder_of(person_id, folder))
    if cursor:
        unpinned, at, id_ = [*cursor.split("_"), "", ""][:3]
        try:
            before, before_id = datetime.fromisoformat(at).astimezone(UTC), UUID(id_)
        except (ValueError, OverflowError):
            raise AssistantError("page.invalid_cursor") from None
        is_later = Q(updated_at__lt=before) | Q(updated_at=before, id__lt=before_id)
        rows = rows.filter(is_later & Q(pinned_at=None) if unpinned == "1" else Q(pinned_at=None) | is_later)
    return _page(list(rows.order_by(*PINNED_THEN_NEWEST)[: limit + 1]), limit)


def folders_of(person_id: UUID, limit: int = 10) -> list[FolderView]:
    """A person's folders by name, each with its first conversations; `conversations_of` has those that follow."""
    rows = _listed(person_id).filter(archived_at=None, folder__isnull=False)
    totals = rows.values("folder").annotate(count=Count("pk"), unread_count=Count("pk", filter=UNREAD))
    counts = {total["folder"]: (total["count"], total["unread_count"]) for total in totals.order_by()}
    inside: dict[UUID | None, list[Listed]] = defaultdict(list)
    place = OverRows(RowNumber(), partition_by=F("folder"), order_by=PINNED_THEN_NEWEST)
    for row in rows.annotate(place=place).filter(place__lte=limit + 1).order_by(*PINNED_THEN_NEWEST):
        inside[row.folder_id].append(row)
    folders = sorted(Folder.objects.filter(owner=person_id), key=lambda folder: folder.name.casefold())
    return [
        FolderView(folder.id, folder.name, *counts.get(folder.id, (0, 0)), _page(inside[folder.id], limit))
        for folder in folders
    ]


def folder_of(person_id: UUID, folder_id: UUID) -> Folder:
    folder = Folder.objects.filter(pk=folder_id, owner_id=person_id).first()
    if folder is None:
        raise AssistantError("folder.not_found")
    return folder


def unread_count(person_id: UUID) -> int:
    return _listed(person_id).filter(UNREAD, archived_at=None).count()


def _listed(person_id: UUID) -> QuerySet[Listed]:
    answering = Generation.objects.filter(conversation=OuterRef("pk"), state__in=Generation.ACTIVE)
    return (
        Conversation.objects.filter(owner_id=person_id, deleted_at=None, is_temporary=False)
        .alias(is_unpinned=Q(pinned_at=None))
        .annotate(is_answering=Exists(answering))
    )


def _page(rows: list[Listed], limit: int) -> Page[ConversationView]:
    """What is shown of `limit` rows and, if there is another, the place after them."""
    items = [
        ConversationView(
            id=row.id,
            title=row.title,
            updated_at=row.updated_at,
            is_answering=row.is_answering,
            is_unread=row.is_unread,
            is_pinned=row.pinned_at is not None,
            is_archived=row.archived_at is not None,
            folder_id=row.folder_id,
        )
        for row in rows[:limit]
    ]
    last = items[-1] if len(rows) > limit else None
    return Page(items, f"{int(not last.is_pinned)}_{last.updated_at.isoformat()}_{last.id}" if last else None)


def visible_path(person_id: UUID, conversation: Conversation, leaf_id: UUID | None = None, limit: int = 50) -> Window:
    """The messages from `leaf_id` (default: the head) up towards the root. Raises message.not_found."""
    children = children_by_parent(conversation)
    leaf = leaf_id or conversation.head_id
    branch = _branch(children, leaf) if leaf else []
    return _window(branch, len(branch) - limit, limit, children, person_id)


def window_around(person_id: UUID, conversation: Conversation, message_id: UUID, limit: int = 50) -> Window:
    """The messages before and after this one: on the branch that is looked at where it runs through the message, else
    on the newest branch that does. Raises message.not_found."""
    children = children_by_parent(conversation)
    branch, is_current = _branch_through(children, conversation, message_id)
    begin = min(branch.index(message_id) - limit // 2, len(branch) - limit)
    return _window(branch, begin, limit, children, person_id, is_current=is_current)


def window_after(person_id: UUID, conversation: Conversation, message_id: UUID, limit: int = 50) -> Window:
    """The messages below this one, on the same branch as window_around. Raises message.not_found."""
    children = children_by_parent(conversation)
    branch, is_current = _branch_through(children, conversation, message_id)
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


def _branch_through(children: Children, conversation: Conversation, message_id: UUID) -> tuple[list[UUID], bool]:
    looked_at = _branch(children, conversation.head_id) if conversation.head_id else []
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


def children_by_parent(conversation: Conversation) -> Children:
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


def _message_views(ids: list[UUID], children: Children, person_id: UUID) -> list[MessageView]:
    rows = Message.objects.select_related("generation").prefetch_related("feedback").in_bulk(ids)
    return [_message_view(rows[id_], children[rows[id_].parent_id], person_id) for id_ in ids]


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
        text=message.text,
        created_at=message.created_at,
        edited_at=message.edited_at,
        client_message_id=message.client_message_id,
        sibling_ids=siblings,
        feedback=own[0] if own else None,
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
