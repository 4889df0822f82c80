"""Writes about feedback: give it, change it, take it back. Each leaves an event, and what needs judging a review."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from assistant.chat import queries, stream
from assistant.chat.models import Message
from assistant.chat.texts import checked
from assistant.errors import AssistantError
from assistant.feedback import events, picks, queue
from assistant.feedback.events import Kind
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
    return store(person_id, message, rating, reasons, comment, correction)


@transaction.atomic
def store(
    person_id: UUID,
    message: Message,
    rating: Feedback.Rating,
    reasons: Sequence[str] = (),
    comment: str = "",
    correction: str = "",
) -> Feedback:
    """The same of a reply that the caller knows this person may judge. Raises message.*, feedback.*"""
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
    before, picked = _stored(person_id, message), picks.of(person_id, message)
    feedback, _ = Feedback.objects.update_or_create(message=message, person_id=person_id, defaults=said)
    _follow(person_id, message, before, feedback, picked)
    _announce(message)
    return feedback


@transaction.atomic
def withdraw(person_id: UUID, message_id: UUID) -> None:
    message = queries.message_of(person_id, message_id)
    before, picked = _stored(person_id, message), picks.of(person_id, message)
    if before:
        Feedback.objects.filter(pk=before.pk).delete()
        _follow(person_id, message, before, None, picked)
    _announce(message)


def _stored(person_id: UUID, message: Message) -> Feedback | None:
    return Feedback.objects.select_for_update().filter(message=message, person_id=person_id).first()


def _follow(
    person_id: UUID, message: Message, before: Feedback | None, after: Feedback | None, picked: set[picks.Pick]
) -> None:
    """Events for what has changed, and a place in the queue for what somebody must judge."""
    thumbs = [feedback and (feedback.rating, feedback.reasons, feedback.comment) for feedback in (before, after)]
    corrections = [feedback.correction if feedback else "" for feedback in (before, after)]
    if verb := events.verb_from(*thumbs):
        rating, reasons = (after.rating, after.reasons) if after else ("", [])
        events.record(Kind.THUMB, verb, person_id, message, value=rating, reasons=reasons)
    if verb := events.verb_from(*corrections):
        events.record(Kind.CORRECTION, verb, person_id, message, text=corrections[1])
    picks.record_changes(person_id, picked, picks.of(person_id, message))
    said = [feedback and (feedback.rating, feedback.reasons) for feedback in (before, after)]
    is_news = corrections[0] != corrections[1] or said[0] != said[1]
    queue.look_at(person_id, message, is_news=is_news)


def _optional(text: str) -> str:
    return checked(text) if text.strip() else ""


def _announce(message: Message) -> None:
    owner_id = message.conversation.owner_id
    transaction.on_commit(lambda: stream.hint(owner_id, message.conversation_id))
