"""The chat page, rendered whole on the server so that it can be read before JavaScript. Asks queries, never models."""

from __future__ import annotations

import dataclasses
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from assistant.accounts.actions import ensure_person
from assistant.accounts.models import Person
from assistant.chat import queries
from assistant.errors import AssistantError
from webui.assets import assets
from webui.preferences import preferences_of

STYLESHEETS = [f"webui/css/{name}.css" for name in ("app", "sidebar", "message", "composer")]


@require_safe
@never_cache
@ensure_csrf_cookie
def chat(request: HttpRequest, conversation_id: UUID | None = None) -> HttpResponse:
    """A conversation, or the beginning of a new one. A visitor becomes a guest; conversations of others are 404."""
    person = ensure_person(request)
    try:
        context = _context(person, conversation_id)
    except AssistantError as error:
        return render(request, "webui/error.html", {"error": error}, status=error.status)
    return render(request, "webui/chat.html", context)


def _context(person: Person, conversation_id: UUID | None) -> dict[str, Any]:
    conversation = path = None
    if conversation_id is not None:
        conversation = queries.conversation_of(person.id, conversation_id)
        path = queries.visible_path(person.id, conversation)
    conversations = queries.conversations_of(person.id)
    messages = path.items if path else []
    return {
        "person": person,
        "conversation": conversation,
        "chat_messages": messages,
        "conversations": conversations.items,
        "next_cursor": conversations.next_cursor,
        "page_state": {
            "conversation_id": conversation.id if conversation else None,
            "conversation": dataclasses.asdict(queries.head_view(conversation)) if conversation else None,
            "messages": [dataclasses.asdict(message) for message in messages],
            "next_leaf_id": path.next_cursor if path else None,
            "conversations": [dataclasses.asdict(item) for item in conversations.items],
            "next_cursor": conversations.next_cursor,
            "preferences": preferences_of(person).model_dump(),
            "max_message_chars": settings.MAX_MESSAGE_CHARS,
        },
        "stylesheets": STYLESHEETS,
        **assets(),
    }
