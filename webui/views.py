"""The chat page, rendered whole on the server so that it can be read before JavaScript. It asks queries, never models."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from assistant.accounts.actions import ensure_person
from assistant.chat import queries
from assistant.errors import AssistantError
from webui.page_texts import PAGE_TEXTS

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def _shows_errors(view: View[P]) -> View[P]:
    """Turn an AssistantError into a page with its sentence and status."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except AssistantError as error:
            return render(request, "webui/error.html", {"error": error}, status=error.status)

    return wrapper


@require_safe
@never_cache
@ensure_csrf_cookie
@_shows_errors
def chat(request: HttpRequest, conversation_id: UUID | None = None) -> HttpResponse:
    """A conversation, or the beginning of a new one. A visitor becomes a guest; conversations of others are 404."""
    person = ensure_person(request)
    conversation = path = None
    if conversation_id is not None:
        conversation = queries.conversation_of(person.id, conversation_id)
        path = queries.visible_path(person.id, conversation, leaf_id=_uuid(request.GET.get("leaf_id")))
    conversations = queries.conversations_of(person.id, cursor=request.GET.get("cursor"))
    messages = path.items if path else []
    page_state = {
        "person_id": person.id,
        "conversation": conversation
        and {"id": conversation.id, "title": conversation.title, "head_id": conversation.head_id},
        "messages": [dataclasses.asdict(message) for message in messages],
        "next_leaf_id": path.next_cursor if path else None,
        "next_cursor": conversations.next_cursor,
    }
    context = {
        "person": person,
        "conversation": conversation,
        "chat_messages": messages,
        "conversations": conversations.items,
        "page_state": page_state,
        "page_texts": PAGE_TEXTS,
    }
    return render(request, "webui/chat.html", context)


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise AssistantError("message.not_found") from None
