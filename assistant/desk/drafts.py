"""What the assistant would say: replies that were being written when a person took over, and those an agent asks for.
Nobody but the desk sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from assistant.chat import actions, branches, queries
from assistant.chat.models import Conversation, Generation, Message
from assistant.desk import access, events
from assistant.errors import AssistantError

# So many are shown, the newest first.
MAX_DRAFTS = 10


@dataclass(frozen=True, slots=True)
class DraftView:
    """A suggestion for the message `answers_id`. While it is being written its text stands in the token log of
    `generation_id`. `is_current`: nothing has been said since that message."""

    id: UUID
    generation_id: UUID
    answers_id: UUID
    text: str
    state: str
    is_current: bool
    created_at: datetime


@transaction.atomic
def suggest(agent_id: UUID, conversation_id: UUID) -> Generation:
    """Have the assistant draft an answer to the visitor's newest message; the draft that is being written, if there is
    one. Raises desk.not_found, desk.no_question."""
    case = access.case_of(agent_id, conversation_id)
    conversation = queries.locked(conversation_id)
    question = _newest_question(conversation)
    if question is None:
        raise AssistantError("desk.no_question")
    drafts = Generation.objects.filter(reply__parent=question, reply__is_draft=True)
    running = drafts.filter(state__in=Generation.ACTIVE).first()
    if running is not None:
        return running
    generation = actions.ask_for_reply(conversation.owner, conversation, question, is_draft=True)
    events.hint(case)
    return generation


@transaction.atomic
def stop(agent_id: UUID, generation_id: UUID) -> None:
    """Ask for the end of a reply in a case of theirs. Raises generation.not_found."""
    actions.ask_to_stop(access.generation_of(agent_id, generation_id))


def drafts(agent_id: UUID, conversation_id: UUID) -> list[DraftView]:
    """The newest first. Raises desk.not_found."""
    conversation = access.case_of(agent_id, conversation_id).conversation
    rows = Message.including_drafts.filter(conversation=conversation, is_draft=True, generation__isnull=False)
    return [
        DraftView(
            id=row.id,
            generation_id=row.generation.id,
            answers_id=row.parent_id,
            text=row.text,
            state=row.generation.state,
            is_current=row.parent_id == conversation.head_id,
            created_at=row.created_at,
        )
        for row in rows.select_related("generation").order_by("-id")[:MAX_DRAFTS]
        if row.parent_id is not None
    ]


def _newest_question(conversation: Conversation) -> Message | None:
    path = branches.path_to(conversation.head) if conversation.head else []
    return next((message for message in reversed(path) if message.role == Message.Role.USER), None)
