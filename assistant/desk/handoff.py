"""Who answers a visitor: the one place that changes it. Each change is a transaction under the lock of the
conversation's row, which a worker takes too before it commits a reply. So a reply is either there before the change, or
it is a draft that only the desk sees: after a takeover the assistant says nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from assistant.chat import actions, queries
from assistant.chat.models import Conversation, Generation, Message
from assistant.desk import access, alerts, events
from assistant.desk.models import Case, HandoffEvent
from assistant.errors import AssistantError

Mode = Conversation.Mode
Reason = HandoffEvent.Reason

_EVENT: dict[str, events.Name] = {
    Mode.ASSISTANT: "handoff.returned",
    Mode.WAITING: "handoff.requested",
    Mode.PERSON: "handoff.taken",
    Mode.RESOLVED: "conversation.resolved",
}


@transaction.atomic
def ask_for_person(conversation_id: UUID, reason: Reason = Reason.ASKED, actor_id: UUID | None = None) -> None:
    """Let the visitor wait for a person, and alert somebody. Nothing happens where one was asked for or is there."""
    conversation = queries.locked(conversation_id)
    if conversation.mode in (Mode.ASSISTANT, Mode.RESOLVED):
        _wait(conversation, reason, actor_id)


@transaction.atomic
def take(agent_id: UUID, conversation_id: UUID) -> None:
    """Let this agent answer from now on. Raises desk.not_found, desk.taken where another has it."""
    case = access.case_of(agent_id, conversation_id)
    conversation = queries.locked(conversation_id)
    case.refresh_from_db()
    if conversation.mode == Mode.PERSON and case.assignee_id == agent_id:
        return
    if conversation.mode == Mode.PERSON and case.assignee is not None and case.assignee.is_active:
        raise AssistantError("desk.taken", name=case.assignee.name or case.assignee)
    if conversation.mode == Mode.PERSON:  # with nobody: who had it is gone
        Case.objects.filter(pk=case.pk).update(assignee=agent_id)
        events.hint(case)
        return
    theirs = {"assignee_id": agent_id, "snoozed_until": None, "resolved_at": None}
    _change(conversation, Mode.PERSON, Reason.TAKEN, agent_id, **theirs)


@transaction.atomic
def give_back(agent_id: UUID, conversation_id: UUID) -> None:
    """Let the assistant answer again, at once if the visitor spoke last. Raises desk.not_found."""
    access.case_of(agent_id, conversation_id)
    conversation = queries.locked(conversation_id)
    if conversation.mode not in (Mode.WAITING, Mode.PERSON):
        return
    nobody = {"assignee_id": None, "waiting_since": None, "snoozed_until": None}
    _change(conversation, Mode.ASSISTANT, Reason.RETURNED, agent_id, **nobody)
    head = conversation.head
    if head is not None and head.role == Message.Role.USER:
        actions.ask_for_reply(conversation.owner, conversation, head)


@transaction.atomic
def resolve(agent_id: UUID | None, conversation_id: UUID) -> None:
    """End it, by an agent or (None) by the visitor, who may always write again. Raises desk.not_found."""
    if agent_id is not None:
        access.case_of(agent_id, conversation_id)
    conversation = queries.locked(conversation_id)
    if conversation.mode != Mode.RESOLVED:
        over = {"resolved_at": timezone.now(), "waiting_since": None, "snoozed_until": None}
        _change(conversation, Mode.RESOLVED, Reason.RESOLVED, agent_id, **over)


def reopen(conversation: Conversation) -> None:
    """The visitor writes again; `conversation` is locked. Who had a person before, gets one again."""
    if Case.objects.filter(pk=conversation.pk, assignee__isnull=False).exists():
        _wait(conversation, Reason.REOPENED, None)
    else:
        _change(conversation, Mode.ASSISTANT, Reason.REOPENED, None, resolved_at=None)


def put_back(conversation: Conversation, actor_id: UUID | None) -> None:
    """Nobody has it any more; `conversation` is locked. The visitor waits for another person."""
    Case.objects.filter(pk=conversation.pk).update(assignee=None)
    _wait(conversation, Reason.ASKED, actor_id)


def _wait(conversation: Conversation, reason: Reason, actor_id: UUID | None) -> None:
    waits = {"waiting_since": timezone.now(), "handoff_reason": reason, "snoozed_until": None, "resolved_at": None}
    case = _change(conversation, Mode.WAITING, reason, actor_id, **waits)
    alerts.alert(case, conversation.mode_version)


def _change(conversation: Conversation, mode: Mode, reason: Reason, actor_id: UUID | None, **of_case: Any) -> Case:
    """Write the change everywhere it stands. `conversation` is locked, and is as it was stored afterwards."""
    before = conversation.mode
    _hide_replies(conversation)
    conversation.mode, conversation.mode_version = mode, conversation.mode_version + 1
    conversation.save(update_fields=["mode", "mode_version", "head"])
    Case.objects.filter(pk=conversation.pk).update(mode=mode, **of_case)
    case = Case.objects.select_related("site__team").get(pk=conversation.pk)
    HandoffEvent.objects.create(
        case=case,
        from_mode=before,
        to_mode=mode,
        mode_version=conversation.mode_version,
        reason=reason,
        actor_id=actor_id,
    )
    events.happened(case, _EVENT[mode], {"reason": reason, "agent_id": str(actor_id) if actor_id else None})
    return case


def _hide_replies(conversation: Conversation) -> None:
    """Make drafts of what is being written. A worker goes on with it to its end: it is the agent's suggestion."""
    active = Generation.objects.filter(conversation=conversation, state__in=Generation.ACTIVE, reply__is_draft=False)
    parents = dict(active.values_list("reply", "reply__parent"))
    Message.objects.filter(pk__in=parents).update(is_draft=True)
    if conversation.head_id in parents:
        conversation.head_id = parents[conversation.head_id]
