"""What agents do with a case beside answering: whose it is, when it comes back, what it is about, what they have read.
Every function raises desk.not_found for a case that is not theirs to see."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from assistant.chat import queries
from assistant.chat.models import Conversation
from assistant.chat.texts import checked
from assistant.desk import access, events, handoff
from assistant.desk.models import Case, CaseRead, Label, Note
from assistant.errors import AssistantError


@transaction.atomic
def assign(agent_id: UUID, conversation_id: UUID, assignee_id: UUID | None) -> None:
    """Say whose it is. Where a person answers and it shall be nobody's, the visitor waits again. Raises
    desk.not_an_agent."""
    case = access.case_of(agent_id, conversation_id)
    if assignee_id is not None and not access.agents_of(case.site).filter(pk=assignee_id).exists():
        raise AssistantError("desk.not_an_agent")
    conversation = queries.locked(conversation_id)
    Case.objects.filter(pk=case.pk).update(assignee=assignee_id)
    if assignee_id is None and conversation.mode == Conversation.Mode.PERSON:
        handoff.put_back(conversation, agent_id)
    events.hint(case)


@transaction.atomic
def snooze(agent_id: UUID, conversation_id: UUID, until: datetime | None) -> None:
    """Put it aside until then (aware), or until the visitor writes; None: not any more. Raises desk.invalid_time."""
    case = access.case_of(agent_id, conversation_id)
    if until is not None and until <= timezone.now():
        raise AssistantError("desk.invalid_time")
    queries.locked(conversation_id)
    Case.objects.filter(pk=case.pk).update(snoozed_until=until)
    events.hint(case)


@transaction.atomic
def set_labels(agent_id: UUID, conversation_id: UUID, label_ids: Collection[UUID]) -> None:
    """In place of those it had. Raises desk.unknown_label."""
    case = access.case_of(agent_id, conversation_id)
    labels = Label.objects.filter(team=case.site.team, pk__in=label_ids)
    if labels.count() != len(set(label_ids)):
        raise AssistantError("desk.unknown_label")
    case.labels.set(labels)
    events.hint(case)


@transaction.atomic
def add_note(agent_id: UUID, conversation_id: UUID, text: str, mention_ids: Collection[UUID] = ()) -> Note:
    """Tell the other agents something. Who is mentioned finds the case under "mentioned". Raises desk.not_an_agent,
    message.*"""
    case = access.case_of(agent_id, conversation_id)
    mentioned = access.agents_of(case.site).filter(pk__in=mention_ids)
    if mentioned.count() != len(set(mention_ids)):
        raise AssistantError("desk.not_an_agent")
    note = Note.objects.create(case=case, author_id=agent_id, text=checked(text))
    note.mentions.set(mentioned)
    events.hint(case)
    return note


@transaction.atomic
def mark_read(agent_id: UUID, conversation_id: UUID) -> None:
    """This agent has seen what was said until now."""
    case = access.case_of(agent_id, conversation_id)
    CaseRead.objects.update_or_create(case=case, agent_id=agent_id, defaults={"read_at": timezone.now()})
