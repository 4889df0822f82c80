"""Erases a person with everything of theirs. What hangs on the person goes by cascade; this knows what does not."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import redis
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from assistant.accounts import devices
from assistant.accounts.models import Person
from assistant.chat import actions, stream
from assistant.chat.models import Conversation, Generation, Message
from assistant.chat.signals import erasing
from assistant.errors import AssistantError

# Workers look for stops every quarter of a second. One that takes longer, or is not there, is fenced out.
STOP_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Holdings:
    conversations: int
    messages: int


def holdings_of(person_id: UUID) -> Holdings:
    """What would be erased."""
    return Holdings(
        conversations=Conversation.objects.filter(owner_id=person_id, deleted_at=None).count(),
        messages=Message.objects.filter(conversation__owner_id=person_id, conversation__deleted_at=None).count(),
    )


def erase_person(person_id: UUID) -> None:
    """Stop what is being written for a person and erase them. All or nothing: raises person.not_erased."""
    _stop_replies(person_id)
    try:
        _erase(person_id)
    except redis.RedisError:
        raise AssistantError("person.not_erased") from None


def _stop_replies(person_id: UUID) -> None:
    active = Generation.objects.filter(conversation__owner_id=person_id, state__in=Generation.ACTIVE)
    for generation in active.all():  # a copy: `active` is asked again below
        actions.ask_to_stop(generation)
    give_up_at = time.monotonic() + STOP_PATIENCE_S
    while active.exists() and time.monotonic() < give_up_at:
        time.sleep(0.1)


@transaction.atomic
def _erase(person_id: UUID) -> None:
    # Locked as by every write of theirs, so that no message slips in behind.
    person = Person.objects.select_for_update().filter(pk=person_id).first()
    if person is None:
        return  # another tab did it
    may_have_log = Q(finished_at=None) | Q(finished_at__gt=Now() - timedelta(seconds=stream.RUNNING_TTL_S))
    generations = Generation.objects.filter(may_have_log, conversation__owner=person)
    generation_ids = list(generations.values_list("id", flat=True))
    devices.end_devices(person)
    erasing.send(sender=None, person_id=person_id)
    person.delete()
    # Last, and inside: when Redis does not answer, the rows come back rather than leave their text behind there.
    stream.erase(generation_ids)
