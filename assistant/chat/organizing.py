"""Writes about a conversation as a whole: its title, where its owner keeps it, and its end, which can be undone."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from assistant.chat import queries, search, stream
from assistant.chat.models import Conversation, Generation
from assistant.chat.texts import checked
from assistant.errors import AssistantError

# Longer than any page offers "Undo", so that the offer always holds.
UNDO_FOR = timedelta(minutes=10)
MAX_TITLE_CHARS = 200


@transaction.atomic
def organize(
    person_id: UUID,
    conversation_id: UUID,
    *,
    title: str | None = None,
    is_pinned: bool | None = None,
    is_archived: bool | None = None,
) -> None:
    """Change what is given and leave the rest; the place in the list by time stays. Raises conversation.not_found and
    message.* for a title that cannot be stored."""
    conversation = queries.conversation_of(person_id, conversation_id)
    changes: dict[str, object] = {}
    if title is not None:
        changes["title"] = conversation.title = " ".join(checked(title).split())[:MAX_TITLE_CHARS]
        search.index_title(conversation)
    if is_pinned is not None:
        changes["pinned_at"] = Now() if is_pinned else None
    if is_archived is not None:
        changes["archived_at"] = Now() if is_archived else None
    if changes:
        Conversation.objects.filter(pk=conversation.pk).update(**changes)
        _announce(conversation)


@transaction.atomic
def delete(person_id: UUID, conversation_id: UUID) -> None:
    """Hide a conversation and stop what is being written in it; `restore` brings it back within UNDO_FOR."""
    conversation = queries.conversation_of(person_id, conversation_id)
    conversation.generations.filter(state__in=Generation.ACTIVE, cancel_requested_at=None).update(
        cancel_requested_at=Now()
    )
    Conversation.objects.filter(pk=conversation.pk).update(deleted_at=Now())
    _announce(conversation)


@transaction.atomic
def restore(person_id: UUID, conversation_id: UUID) -> None:
    """Undo `delete`; nothing happens to a conversation that was not deleted. Raises conversation.not_found."""
    conversation = Conversation.objects.filter(pk=conversation_id, owner_id=person_id).first()
    if conversation is None:
        raise AssistantError("conversation.not_found")
    Conversation.objects.filter(pk=conversation.pk).update(deleted_at=None)
    _announce(conversation)


@transaction.atomic
def mark_read(person_id: UUID, conversation_id: UUID) -> None:
    """Its owner has seen what was answered until now. Raises conversation.not_found."""
    conversation = queries.conversation_of(person_id, conversation_id)
    # Told to the other pages only when it is news to them: each of them marks it too, when it is being looked at.
    if Conversation.objects.filter(queries.UNREAD, pk=conversation.pk).update(read_at=Now()):
        _announce(conversation)


def erase_deleted() -> int:
    """Erase, with everything in them, the conversations whose deletion can no longer be undone; returns their number.
    One with a reply still under way waits for the reply's end."""
    answering = Generation.objects.filter(state__in=Generation.ACTIVE).values("conversation")
    gone = Conversation.objects.filter(deleted_at__lt=Now() - UNDO_FOR).exclude(pk__in=answering)
    return gone.delete()[1].get("assistant.Conversation", 0)


def _announce(conversation: Conversation) -> None:
    transaction.on_commit(lambda: stream.hint(conversation.owner_id, conversation.id))
