"""Reads one case as an agent has it open: what was said, noted and done in the order in which it happened,
the assistant's suggestions, and what is known of the visitor. Notes are in here; nothing of it is for visitors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from assistant.accounts.models import Person
from assistant.chat import branches
from assistant.chat.branches import MessageView, Window
from assistant.chat.consent import training_use
from assistant.chat.models import Message
from assistant.desk import access
from assistant.desk.attachments import by_message
from assistant.desk.drafts import DraftView, drafts
from assistant.desk.models import Attachment, CannedReply, Case, HandoffEvent, Label, Note

# More of a visitor's other conversations than anybody reads beside the one that is open.
MOST_PREVIOUS = 20
# More than that a list to choose from is of no use.
MOST_CHOICES = 200

Item = MessageView | Note | HandoffEvent


@dataclass(frozen=True, slots=True)
class OpenCase:
    """`items` from the oldest on; `next_leaf_id` asks for what is older. `questions` are the first and, where it is
    another, the last of the visitor's before a person was asked for, and `answers` how many replies the assistant gave
    by then: the summary of its part. `why` is the change by which a person came or comes into it."""

    case: Case
    items: list[Item]
    next_leaf_id: UUID | None
    drafts: list[DraftView]
    why: HandoffEvent | None
    questions: list[str]
    answers: int
    previous: list[Case]
    agents: list[Person]
    labels: list[Label]
    canned: list[CannedReply]
    may_learn: bool
    attachments: dict[UUID, list[Attachment]]  # by message


def open_case(agent_id: UUID, conversation_id: UUID, leaf_id: UUID | None = None) -> OpenCase:
    """Raises desk.not_found, message.not_found."""
    case = access.case_of(agent_id, conversation_id)
    conversation = case.conversation
    window = branches.visible_path(agent_id, conversation, leaf_id)
    why = _why(case)
    questions, answers = _part_of_assistant(case, why)
    agents = access.agents_of(case.site).order_by("name", "email")[:MOST_CHOICES]
    return OpenCase(
        case=case,
        items=_together(case, window, is_newest=leaf_id is None),
        next_leaf_id=window.next_leaf_id,
        drafts=[draft for draft in drafts(agent_id, conversation_id) if draft.is_current],
        why=why,
        questions=questions,
        answers=answers,
        previous=list(case.visitor.cases.exclude(pk=case.pk).order_by("-created_at")[:MOST_PREVIOUS]),
        agents=list(agents),
        labels=list(Label.objects.filter(team=case.site.team).order_by("name")[:MOST_CHOICES]),
        canned=list(CannedReply.objects.filter(team=case.site.team).order_by("name")[:MOST_CHOICES]),
        attachments=by_message(message.id for message in window.items),
        may_learn=training_use(conversation, case.visitor.person) == "allowed",
    )


def _together(case: Case, window: Window, *, is_newest: bool) -> list[Item]:
    """The messages of a window with the notes and changes from its first message on to where the next one begins."""
    begin = window.items[0].created_at if window.next_leaf_id else None
    end = None if is_newest or not window.items else _next_after(case, window.items[-1].created_at)
    items: list[tuple[datetime, Item]] = [(message.created_at, message) for message in window.items]
    notes = case.notes.select_related("author")
    items += [(note.created_at, note) for note in notes if _is_within(note.created_at, begin, end)]
    changes = case.handoffs.select_related("actor")
    items += [(change.at, change) for change in changes if _is_within(change.at, begin, end)]
    return [item for _, item in sorted(items, key=lambda pair: pair[0])]


def _is_within(at: datetime, begin: datetime | None, end: datetime | None) -> bool:
    return (begin is None or at >= begin) and (end is None or at < end)


def _next_after(case: Case, moment: datetime) -> datetime | None:
    later = Message.objects.filter(conversation=case.pk, created_at__gt=moment)
    return later.order_by("created_at").values_list("created_at", flat=True).first()


def _why(case: Case) -> HandoffEvent | None:
    """How it came to people for the last time; none while the assistant answers."""
    if case.mode not in ("waiting", "person"):
        return None
    changes = case.handoffs.filter(from_mode__in=("assistant", "resolved"), to_mode__in=("waiting", "person"))
    return changes.order_by("-at").first()


def _part_of_assistant(case: Case, why: HandoffEvent | None) -> tuple[list[str], int]:
    said = Message.objects.filter(conversation=case.pk)
    if why is None:
        return [], 0
    before = said.filter(created_at__lte=why.at)
    asked = before.filter(role=Message.Role.USER).order_by("created_at")
    first, last = asked.first(), asked.last()
    texts = [message.text for message in (first, last) if message is not None]
    if first == last:
        texts = texts[:1]
    return [" ".join(text.split())[:200] for text in texts], before.filter(role=Message.Role.ASSISTANT).count()
