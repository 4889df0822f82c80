"""Writes about a conversation as a whole: its title, where its owner keeps it, and its end, which can be undone."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from assistant.chat import listing, queries, search, stream
from assistant.chat.models import Conversation, Generation
from assistant.chat.signals import erasing
from assistant.chat.texts import checked
from assistant.errors import AssistantError

# Longer than any page offers "Undo", so that the offer always holds.
UNDO_FOR = timedelta(minutes=10)
# Pages promise an hour after the last message; the sweeper comes by once a minute.
TEMPORARY_FOR = timedelta(minutes=58)
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
    """Hide a conversation and stop what is being written in it; `restore` brings it back within UNDO_FOR. A temporary
    one was never to be kept: it is erased at once, or as soon as the worker lets go of its reply."""
    conversation = queries.conversation_of(person_id, conversation_id)
    # The conversation first, as everybody who locks both.
    row = Conversation.objects.filter(pk=conversation.pk)
    row.update(deleted_at=Now() - UNDO_FOR if conversation.is_temporary else Now())
    conversation.generations.filter(state__in=Generation.ACTIVE, cancel_requested_at=None).update(
        cancel_requested_at=Now()
    )
    if conversation.is_temporary:
        erase(row)
    _announce(conversation)


@transaction.atomic
def restore(person_id: UUID, conversation_id: UUID) -> None:
    """Undo `delete`; nothing happens to a conversation that was not deleted. Raises conversation.not_found."""
    conversation = Conversation.objects.filter(pk=conversation_id, owner_id=person_id, is_temporary=False).first()
    if conversation is None:
        raise AssistantError("conversation.not_found")
    Conversation.objects.filter(pk=conversation.pk).update(deleted_at=None)
    _announce(conversation)


@transaction.atomic
def mark_read(person_id: UUID, conversation_id: UUID) -> None:
    """Its owner has seen what was answered until now. Raises conversation.not_found."""
    conversation = queries.conversation_of(person_id, conversation_id)
    # Told to the other pages only when it is news to them: each of them marks it too, when it is being looked at.
    if Conversation.objects.filter(listing.UNREAD, pk=conversation.pk).update(read_at=Now()):
        _announce(conversation)


def erase_deleted() -> int:
    """Erase, with everything in them, the conversations whose deletion can no longer be undone and the temporary ones
    whose time is over; returns their number. One with a reply still under way waits for the reply's end."""
    is_undone_no_more = Q(deleted_at__lt=Now() - UNDO_FOR)
    is_over = Q(is_temporary=True, updated_at__lt=Now() - TEMPORARY_FOR)
    return erase(Conversation.objects.filter(is_undone_no_more | is_over))


@transaction.atomic
def erase(conversations: QuerySet[Conversation]) -> int:
    """Erase them with everything in them; returns their number. Those with a reply under way stay for now."""
    answering = Generation.objects.filter(state__in=Generation.ACTIVE).values("conversation")
    ids = list(conversations.exclude(pk__in=answering).values_list("pk", flat=True))
    if not ids:
        return 0
    generation_ids = list(Generation.objects.filter(conversation__in=ids).values_list("pk", flat=True))
    erasing.send(sender=None, conversation_ids=ids)
    Conversation.objects.filter(pk__in=ids).delete()
    transaction.on_commit(lambda: stream.erase_logs(generation_ids))
    return len(ids)


def _announce(conversation: Conversation) -> None:
    transaction.on_commit(lambda: stream.hint(conversation.owner_id, conversation.id))
