"""Picks: of two answers to the same question, a person gave one a thumb up and the other a thumb down."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from assistant.chat.models import Message
from assistant.feedback import events
from assistant.feedback.events import Kind, Verb
from assistant.feedback.models import Feedback


@dataclass(frozen=True, slots=True)
class Pick:
    better_id: UUID
    worse_id: UUID


def of(person_id: UUID, message: Message) -> set[Pick]:
    """The picks that this reply takes part in."""
    own = Feedback.objects.filter(person_id=person_id, message=message).first()
    if own is None or message.parent_id is None:
        return set()
    others = Feedback.objects.filter(person_id=person_id, message__parent_id=message.parent_id)
    others = others.exclude(message=message).exclude(rating=own.rating)
    is_up = own.rating == Feedback.Rating.UP
    return {Pick(message.id, other.message_id) if is_up else Pick(other.message_id, message.id) for other in others}


def record_changes(person_id: UUID, before: set[Pick], after: set[Pick]) -> None:
    """An event for every pick that came about or is gone."""
    changed = before ^ after
    ids = {id_ for pick in changed for id_ in (pick.better_id, pick.worse_id)}
    messages = Message.objects.select_related("conversation__owner").in_bulk(ids)
    for pick in sorted(changed, key=lambda pick: (pick.better_id, pick.worse_id)):
        verb = Verb.GIVEN if pick in after else Verb.WITHDRAWN
        better, worse = messages[pick.better_id], messages[pick.worse_id]
        events.record(Kind.REGENERATE_PICK, verb, person_id, better, other=worse)
