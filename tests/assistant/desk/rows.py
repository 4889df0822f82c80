"""A shop with a desk: its site, its team, and somebody who visits it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from assistant.accounts.actions import set_training_consent
from assistant.chat import leases
from assistant.chat.actions import Accepted
from assistant.chat.branches import path_to
from assistant.desk import messages
from assistant.models import Conversation, Message, Person, Site, Team, Visitor
from inference.contract import StreamEvent
from tests.assistant.answering import ENGINE
from tests.assistant.rows import worker


def agent(name: str, team: Team | None = None) -> Person:
    person = Person.objects.create(username=name, email=f"{name}@example.org", name=name.title())
    if team:
        team.members.add(person)
    return person


def site(name: str = "Shop", **fields: Any) -> Site:
    team, _ = Team.objects.get_or_create(name=f"Team of {name}")
    return Site.objects.create(name=name, team=team, **fields)


def visitor(of: Site, *, consents: bool = True) -> Visitor:
    person = Person.objects.create(username=f"visitor-{uuid7()}", is_guest=True)
    person.set_unusable_password()
    person.save()
    if consents:
        set_training_consent(person.id, is_given=True)
    return Visitor.objects.create(person=person, site=of)


def say(who: Visitor, text: str = "Where is my order?", conversation_id: UUID | None = None, **more: Any) -> Accepted:
    return messages.say(who.pk, client_message_id=uuid7(), conversation_id=conversation_id, text=text, **more)


def reply(who: Person, conversation_id: UUID, text: str = "It is on its way.", **more: Any) -> Message:
    return messages.reply(who.pk, client_message_id=uuid7(), conversation_id=conversation_id, text=text, **more)


def answered(generation_id: UUID | None, text: str = "It comes tomorrow.") -> None:
    """A worker takes this reply and commits it, as the runner does."""
    waiting = leases.waiting(100, may_take_over=True)
    row = next(row for row in waiting if row.pk == generation_id)
    found = leases.claim(row, worker().id, ENGINE)
    assert found is not None
    live, _ = found
    live.take([StreamEvent("delta", str(generation_id), (1,), text)])
    ending = StreamEvent("finished", str(generation_id), finish_reason="stop")
    assert leases.end(live, ending, ENGINE) is not None


def said(conversation_id: UUID) -> list[tuple[str, str]]:
    """What the visitor sees, from the beginning."""
    head = Conversation.objects.get(pk=conversation_id).head
    return [(message.role, message.text) for message in (path_to(head) if head else [])]
