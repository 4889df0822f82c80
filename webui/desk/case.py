"""Puts an open case into the words and shapes of its page."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from assistant.accounts.models import Person
from assistant.chat.branches import MessageView
from assistant.chat.models import Generation
from assistant.desk.models import HandoffEvent, Note, Visitor
from assistant.desk.open_case import Item, OpenCase
from webui.desk.texts import EVENTS, MODES, NAMELESS, RESOLVED_BY_VISITOR, ROLES, SOMEBODY, WHY

# What may stand in a name behind "@": the rest is left out of what is offered.
_UNNAMED = re.compile(r"[^\w-]+")


def name_of(visitor: Visitor) -> str:
    """What an agent calls a visitor: by name or address, else by the end of the id, which tells two apart."""
    return visitor.name or visitor.email or nameless(visitor.pk)


def nameless(visitor_id: UUID) -> str:
    return str(NAMELESS).format(id=visitor_id.hex[-4:])


def agent_name(person: Person | None) -> str:
    return (person.name or str(person)) if person else str(SOMEBODY)


def mention_of(person: Person) -> str:
    """How a note names this agent, behind the "@"."""
    return _UNNAMED.sub("", (person.name or str(person).partition("@")[0]).replace(" ", "_"))


def mentioned_in(text: str, agents: list[Person]) -> list[UUID]:
    """The ids of those whom a note names behind an "@"."""
    named = set(re.findall(r"@([\w-]+)", text))
    return [agent.pk for agent in agents if mention_of(agent) in named]


def context_of(found: OpenCase) -> dict[str, Any]:
    """For webui/desk/_case.html."""
    case, visitor = found.case, found.case.visitor
    questions = found.questions
    return {
        "case": {
            "id": case.pk,
            "name": name_of(visitor),
            "mode": case.mode,
            "mode_label": MODES[case.mode],
            "snoozed_until": case.snoozed_until,
            "why": WHY.get(found.why.reason, "") if found.why else "",
            "why_at": found.why.at if found.why else None,
            "questions": questions,
            "answers": found.answers,
            "items": [_item(item, found) for item in found.items],
            "next_leaf_id": found.next_leaf_id,
            "drafts": found.drafts,
            "agents": [{"id": agent.pk, "name": agent_name(agent)} for agent in found.agents],
            "assignee_id": case.assignee_id,
            "all_labels": found.labels,
            "label_ids": set(case.labels.values_list("pk", flat=True)),
            "site_name": case.site.name,
            "visitor": visitor,
            "visitor_fields": [(str(name), str(value)) for name, value in visitor.fields.items()],
            "page": case.page,
            # Whatever the visitor's browser said: only what a browser would load as a page is made a link.
            "page_is_link": urlsplit(case.page).scheme in ("http", "https"),
            "may_learn": found.may_learn,
            "satisfaction": case.satisfaction,
            "satisfaction_comment": case.satisfaction_comment,
            "previous": found.previous,
        },
        "case_state": {
            "canned": [{"name": reply.name, "text": reply.text} for reply in found.canned],
            "agents": [
                {"name": mention_of(agent), "text": f"@{mention_of(agent)} ", "detail": agent_name(agent)}
                for agent in found.agents
            ],
        },
    }


def _item(item: Item, found: OpenCase) -> dict[str, Any]:
    match item:
        case MessageView():
            return {**_message(item), "attachments": found.attachments.get(item.id, [])}
        case Note():
            return {
                "kind": "note",
                "id": item.pk,
                "author": agent_name(item.author),
                "at": item.created_at,
                "text": item.text,
            }
        case HandoffEvent():
            return {"kind": "event", "id": f"event-{item.pk}", "at": item.at, "text": _event(item)}


def _message(message: MessageView) -> dict[str, Any]:
    generation = message.generation
    is_active = generation is not None and generation.state in Generation.ACTIVE
    return {
        "kind": "message",
        "id": message.id,
        "role": message.role,
        "author": message.author_name or ROLES[message.role],
        "at": message.created_at,
        "text": message.text,
        "state": generation.state if generation else "sent",
        # While it is being written it comes over the socket; once it is whole, the page takes the server's text.
        "version": "active" if is_active else f"{generation.state if generation else 'sent'}-{message.edited_at or ''}",
        "generation_id": generation.id if generation else None,
        "client_id": message.client_message_id if message.role == "agent" else None,
        "problem": generation.error.message if generation and generation.error else "",
    }


def _event(event: HandoffEvent) -> str:
    if event.reason == HandoffEvent.Reason.RESOLVED and event.actor is None:
        return str(RESOLVED_BY_VISITOR)
    text = EVENTS.get(event.reason)
    return str(text).format(name=agent_name(event.actor)) if text else str(WHY[event.reason])
