"""Writes about a person's folders, and which of them a conversation is in."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction

from assistant.chat import queries, stream
from assistant.chat.models import Conversation, Folder
from assistant.chat.texts import checked
from assistant.errors import AssistantError

# All of them stand in the sidebar at once.
MAX_FOLDERS = 100
MAX_NAME_CHARS = 100


@transaction.atomic
def create(person_id: UUID, name: str) -> Folder:
    """Raises folder.exists, folder.too_many and message.* for a name that cannot be stored."""
    name = _name(name)
    if Folder.objects.filter(owner=person_id).count() >= MAX_FOLDERS:
        raise AssistantError("folder.too_many", limit=MAX_FOLDERS)
    folder = Folder(owner_id=person_id, name=name)
    _save(folder)
    return folder


@transaction.atomic
def rename(person_id: UUID, folder_id: UUID, name: str) -> None:
    """Raises folder.not_found, folder.exists and message.* for a name that cannot be stored."""
    folder = queries.folder_of(person_id, folder_id)
    folder.name = _name(name)
    _save(folder)


@transaction.atomic
def delete(person_id: UUID, folder_id: UUID) -> None:
    """Its conversations stay, in no folder. Raises folder.not_found."""
    folder = queries.folder_of(person_id, folder_id)
    _announce(folder)
    folder.delete()


@transaction.atomic
def move(person_id: UUID, conversation_id: UUID, folder_id: UUID | None) -> None:
    """Put a conversation into a folder, or out of all. Raises conversation.not_found and folder.not_found."""
    conversation = queries.conversation_of(person_id, conversation_id)
    folder = queries.folder_of(person_id, folder_id) if folder_id else None
    Conversation.objects.filter(pk=conversation.pk).update(folder=folder)
    transaction.on_commit(lambda: stream.hint(person_id, conversation.id))


def _name(name: str) -> str:
    return " ".join(checked(name).split())[:MAX_NAME_CHARS]


def _save(folder: Folder) -> None:
    try:
        with transaction.atomic():
            folder.save()
    except IntegrityError:
        raise AssistantError("folder.exists") from None
    _announce(folder)


def _announce(folder: Folder) -> None:
    # Every hint makes the pages look at their lists again; no conversation has this id, so none is read anew.
    owner_id, folder_id = folder.owner_id, folder.pk
    transaction.on_commit(lambda: stream.hint(owner_id, folder_id))
