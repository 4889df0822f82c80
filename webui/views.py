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
from assistant.adapters.registry import choices_for
from assistant.chat import branches, listing, queries
from assistant.chat.models import Conversation
from assistant.desk.access import is_agent
from assistant.errors import AssistantError
from assistant.outcomes.news import news_of
from webui.assets import assets
from webui.outcomes import notice_of
from webui.preferences import preferences_of


@require_safe
@never_cache
@ensure_csrf_cookie
def chat(request: HttpRequest, conversation_id: UUID | None = None) -> HttpResponse:
    """A conversation, at its end or around ?message=<id>, or the beginning of a new one. A visitor becomes a guest;
    conversations of others are 404."""
    context = _context(ensure_person(request), conversation_id, request.GET.get("message"))
    context["guest_id"] = request.session.get("guest_id", "")
    return render(request, "webui/chat.html", context)


def _context(person: Person, conversation_id: UUID | None, message_id: str | None) -> dict[str, Any]:
    conversation = window = None
    if conversation_id is not None:
        conversation = queries.conversation_of(person.id, conversation_id)
        window = _window(person, conversation, message_id)
    conversations = listing.conversations_of(person.id, folder="none")
    folders = listing.folders_of(person.id)
    messages = window.items if window else []
    news = news_of(person)
    return {
        "person": person,
        "conversation": conversation,
        "chat_messages": messages,
        "news": notice_of(news) if news else "",
        "is_agent": not person.is_guest and is_agent(person),
        "folders": folders,
        "conversations": conversations.items,
        "next_cursor": conversations.next_cursor,
        "model_choices": choices_for(person, queries.loaded_base_model()),
        "page_state": {
            "conversation_id": conversation.id if conversation else None,
            "conversation": dataclasses.asdict(queries.head_view(conversation, person)) if conversation else None,
            "messages": [dataclasses.asdict(message) for message in messages],
            "next_leaf_id": window.next_leaf_id if window else None,
            "next_after_id": window.next_after_id if window else None,
            "message_id": message_id if window else None,
            "is_current_branch": window is None or window.is_current,
            "unread_count": listing.unread_count(person.id),
            "folders": [dataclasses.asdict(folder) for folder in folders],
            "conversations": [dataclasses.asdict(item) for item in conversations.items],
            "next_cursor": conversations.next_cursor,
            "preferences": preferences_of(person).model_dump(),
            "max_message_chars": settings.MAX_MESSAGE_CHARS,
        },
        **assets(),
    }


def _window(person: Person, conversation: Conversation, message_id: str | None) -> branches.Window:
    if message_id is None:
        return branches.visible_path(person.id, conversation)
    try:
        return branches.window_around(person.id, conversation, UUID(message_id))
    except ValueError:
        raise AssistantError("message.not_found") from None
