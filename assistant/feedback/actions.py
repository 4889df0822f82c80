"""Writes about feedback: give it, change it, take it back."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from assistant.chat import queries, stream
from assistant.chat.models import Message
from assistant.chat.texts import checked
from assistant.errors import AssistantError
from assistant.feedback.models import Feedback

MAX_COMMENT_CHARS = 4_000


@transaction.atomic
def give(
    person_id: UUID,
    message_id: UUID,
    rating: Feedback.Rating,
    reasons: Sequence[str] = (),
    comment: str = "",
    correction: str = "",
) -> Feedback:
    """Store a verdict on a reply in place of the whole of an earlier one. `correction` is what the reply should have
    been. Raises message.*, feedback.*"""
    message = queries.message_of(person_id, message_id)
    if message.role != Message.Role.ASSISTANT:
        raise AssistantError("message.not_a_reply")
    for reason in reasons:
        if reason not in Feedback.REASONS[rating]:
            raise AssistantError("feedback.unknown_reason", reason=repr(reason)[:60])
    if len(comment) > MAX_COMMENT_CHARS:
        raise AssistantError("feedback.comment_too_long", length=len(comment), limit=MAX_COMMENT_CHARS)
    said = {
        "rating": rating,
        "reasons": [reason for reason in Feedback.REASONS[rating] if reason in reasons],
        "comment": _optional(comment),
        "correction": _optional(correction),
    }
    feedback, _ = Feedback.objects.update_or_create(message=message, person_id=person_id, defaults=said)
    _announce(message)
    return feedback


@transaction.atomic
def withdraw(person_id: UUID, message_id: UUID) -> None:
    message = queries.message_of(person_id, message_id)
    Feedback.objects.filter(message=message, person_id=person_id).delete()
    _announce(message)


def _optional(text: str) -> str:
    return checked(text) if text.strip() else ""


def _announce(message: Message) -> None:
    owner_id = message.conversation.owner_id
    transaction.on_commit(lambda: stream.hint(owner_id, message.conversation_id))
