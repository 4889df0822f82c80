"""Writes about feedback: give it, change it, take it back."""

from __future__ import annotations

from uuid import UUID

from assistant.chat import queries
from assistant.chat.models import Message
from assistant.errors import AssistantError
from assistant.feedback.models import Feedback


def rate(person_id: UUID, message_id: UUID, rating: Feedback.Rating) -> Feedback:
    """Store a verdict on a reply in place of an earlier one. Raises message.not_found, message.not_a_reply."""
    message = queries.message_of(person_id, message_id)
    if message.role != Message.Role.ASSISTANT:
        raise AssistantError("message.not_a_reply")
    feedback, _ = Feedback.objects.update_or_create(message=message, person_id=person_id, defaults={"rating": rating})
    return feedback


def withdraw(person_id: UUID, message_id: UUID) -> None:
    message = queries.message_of(person_id, message_id)
    Feedback.objects.filter(message=message, person_id=person_id).delete()
