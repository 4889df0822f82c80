"""Writes about share links: show a conversation as it is now, change for whom, take it back, go on from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from assistant.accounts.models import Person
from assistant.chat import copying
from assistant.chat.branches import path_to
from assistant.chat.forking import title_of_copy
from assistant.chat.models import Conversation, Message
from assistant.chat.queries import conversation_of, kept_conversation_of
from assistant.sharing import queries
from assistant.sharing.models import ShareLink

SNAPSHOT_VERSION = 1


@transaction.atomic
def share(person_id: UUID, conversation_id: UUID, audience: ShareLink.Audience) -> ShareLink:
    """Put the visible path as it is now behind the conversation's link, which stays the same if there is one already.
    Raises conversation.not_found, conversation.temporary."""
    conversation = kept_conversation_of(person_id, conversation_id)
    changes = {"audience": audience, "snapshot": _snapshot(conversation), "snapshot_at": timezone.now()}
    link, _ = ShareLink.objects.update_or_create(conversation=conversation, defaults=changes)
    return link


@transaction.atomic
def show_to(person_id: UUID, conversation_id: UUID, audience: ShareLink.Audience) -> ShareLink:
    """Change who may open a link; what it shows stays. Raises conversation.not_found, share.not_found."""
    link = queries.link_of(person_id, conversation_id)
    link.audience = audience
    link.save(update_fields=["audience"])
    return link


def revoke(person_id: UUID, conversation_id: UUID) -> None:
    """Nothing happens where there is no link."""
    ShareLink.objects.filter(conversation=conversation_of(person_id, conversation_id)).delete()


@transaction.atomic
def continue_as_copy(person: Person, token: str) -> Conversation:
    """Begin a conversation of one's own with what a link shows. Raises share.not_found, share.members_only.

    It does not say from which conversation it comes: that belongs to somebody else.
    """
    snapshot = queries.shared(token, person).snapshot
    copy = Conversation.objects.create(owner=person, title=title_of_copy(snapshot["title"]))
    copying.add_messages(copy, list(_messages_of(snapshot)), None)
    return copy


def _snapshot(conversation: Conversation) -> dict[str, Any]:
    head = conversation.head
    return {
        "v": SNAPSHOT_VERSION,
        "title": conversation.title,
        "messages": [
            {"role": message.role, "text": message.text, "created_at": message.created_at.isoformat()}
            for message in (path_to(head) if head else [])
            # What the model was told beforehand is not part of what was said; an empty reply has nothing to show.
            if message.text and message.role != Message.Role.SYSTEM
        ],
    }


def _messages_of(snapshot: dict[str, Any]) -> list[copying.CopiedMessage]:
    return [
        copying.CopiedMessage(
            key=number,
            parent_key=number - 1 if number else None,
            role=message["role"],
            text=message["text"],
            created_at=datetime.fromisoformat(message["created_at"]),
        )
        for number, message in enumerate(snapshot["messages"])
    ]
