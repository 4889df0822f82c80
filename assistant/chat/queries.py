"""Finds one conversation, message or reply. Every look-up goes through the owner: what belongs to another person is not
found. Lists are read in listing.py, what was said in branches.py."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from assistant.accounts.models import Person
from assistant.chat.consent import TrainingUse, training_use
from assistant.chat.models import Conversation, Folder, Generation, Message, Worker
from assistant.errors import AssistantError

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    items: list[Item]
    next_cursor: str | None


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


def locked_conversation_of(person_id: UUID, conversation_id: UUID) -> Conversation:
    """The same, locked against others who would change who answers it, or which message it ends with."""
    return locked(conversation_of(person_id, conversation_id).pk)


def locked(conversation_id: UUID) -> Conversation:
    """Wait for the row, and read it as it is then. Raises conversation.not_found when it was erased."""
    row = Conversation.objects.select_for_update(no_key=True).filter(pk=conversation_id).first()
    if row is None:
        raise AssistantError("conversation.not_found")
    return row


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
    own = Generation.objects.filter(conversation__owner_id=person_id, reply__is_draft=False)
    generation = own.filter(pk=generation_id).first()
    if generation is None:
        raise AssistantError("generation.not_found")
    return generation


def drafts_among(person_id: UUID, generation_ids: Collection[UUID]) -> set[UUID]:
    """Those that somebody of the desk has taken over: the conversation's owner, who follows one, must stop."""
    rows = Generation.objects.filter(pk__in=generation_ids, conversation__owner_id=person_id, reply__is_draft=True)
    return set(rows.values_list("id", flat=True))


def loaded_base_model() -> str:
    """The hash of the base model that replies are written with now; "" while no worker is ready."""
    ready = Worker.objects.filter(state=Worker.State.READY).order_by("-beat_at")
    return ready.values_list("base_model_sha256", flat=True).first() or ""


def folder_of(person_id: UUID, folder_id: UUID) -> Folder:
    folder = Folder.objects.filter(pk=folder_id, owner_id=person_id).first()
    if folder is None:
        raise AssistantError("folder.not_found")
    return folder
