"""JSON over HTTP for the page: lists, the visible path of a conversation, and feedback. Session cookie and CSRF."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Query, Schema, Status
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.security import SessionAuth

from assistant.accounts.models import Person
from assistant.chat import actions as chat
from assistant.chat import organizing, queries
from assistant.errors import AssistantError
from assistant.feedback import actions as feedback
from assistant.feedback.models import Feedback


class _PersonAuth(SessionAuth):
    def authenticate(self, request: HttpRequest, key: str | None) -> Person | None:
        return request.user if isinstance(request.user, Person) else None


api = NinjaAPI(title="Parley", version="1", auth=_PersonAuth(), docs_url=None, openapi_url="openapi.json")

Limit = Annotated[int, Query(ge=1, le=200)]


class Error(Schema):
    code: str
    message: str
    retryable: bool


class GenerationOut(Schema):
    id: UUID
    state: str
    finish_reason: str
    dropped_messages: int
    text_sha256: str
    error: Error | None


class MessageOut(Schema):
    id: UUID
    parent_id: UUID | None
    role: str
    text: str
    created_at: datetime
    client_message_id: UUID | None
    sibling_ids: list[UUID]
    rating: Literal["up", "down"] | None
    generation: GenerationOut | None


class ConversationOut(Schema):
    id: UUID
    title: str
    updated_at: datetime
    is_answering: bool
    is_pinned: bool
    is_archived: bool


class ConversationIn(Schema):
    """What is left out stays as it is."""

    title: str | None = None
    is_pinned: bool | None = None
    is_archived: bool | None = None


class ConversationHead(Schema):
    id: UUID
    title: str
    head_id: UUID | None


class ConversationsPage(Schema):
    items: list[ConversationOut]
    next_cursor: str | None


class MessagesPage(Schema):
    conversation: ConversationHead
    items: list[MessageOut]
    next_leaf_id: UUID | None


class HeadIn(Schema):
    message_id: UUID


class RatingIn(Schema):
    rating: Literal["up", "down"]


class RatingOut(Schema):
    rating: str


@api.get("/conversations", response=ConversationsPage)
def list_conversations(
    request: HttpRequest, cursor: str | None = None, limit: Limit = 30, is_archived: bool = False
) -> ConversationsPage:
    page = queries.conversations_of(_person(request).id, cursor, limit, is_archived=is_archived)
    return ConversationsPage.model_validate(page, from_attributes=True)


@api.patch("/conversations/{uuid:conversation_id}", response={204: None})
def organize(request: HttpRequest, conversation_id: UUID, body: ConversationIn) -> Status[None]:
    organizing.organize(_person(request).id, conversation_id, **body.dict())
    return Status(204, None)


@api.delete("/conversations/{uuid:conversation_id}", response={204: None})
def delete(request: HttpRequest, conversation_id: UUID) -> Status[None]:
    organizing.delete(_person(request).id, conversation_id)
    return Status(204, None)


@api.post("/conversations/{uuid:conversation_id}/restore", response={204: None})
def restore(request: HttpRequest, conversation_id: UUID) -> Status[None]:
    organizing.restore(_person(request).id, conversation_id)
    return Status(204, None)


@api.get("/conversations/{uuid:conversation_id}/messages", response=MessagesPage)
def list_messages(
    request: HttpRequest, conversation_id: UUID, leaf_id: UUID | None = None, limit: Limit = 50
) -> MessagesPage:
    person_id = _person(request).id
    conversation = queries.conversation_of(person_id, conversation_id)
    page = queries.visible_path(person_id, conversation, leaf_id, limit)
    return MessagesPage.model_validate(
        {"conversation": conversation, "items": page.items, "next_leaf_id": page.next_cursor}, from_attributes=True
    )


@api.put("/conversations/{uuid:conversation_id}/head", response={204: None})
def look_at_branch(request: HttpRequest, conversation_id: UUID, body: HeadIn) -> Status[None]:
    chat.look_at_branch(_person(request).id, conversation_id, body.message_id)
    return Status(204, None)


@api.put("/messages/{uuid:message_id}/feedback", response=RatingOut)
def rate(request: HttpRequest, message_id: UUID, body: RatingIn) -> Feedback:
    return feedback.rate(_person(request).id, message_id, Feedback.Rating(body.rating))


@api.delete("/messages/{uuid:message_id}/feedback", response={204: None})
def withdraw(request: HttpRequest, message_id: UUID) -> Status[None]:
    feedback.withdraw(_person(request).id, message_id)
    return Status(204, None)


def _person(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)  # _PersonAuth lets nobody else through
    return request.user


def _error(request: HttpRequest, problem: AssistantError) -> HttpResponse:
    body = Error(code=problem.code, message=problem.message, retryable=problem.retryable)
    return api.create_response(request, body, status=problem.status)


@api.exception_handler(AssistantError)
def _expected(request: HttpRequest, problem: AssistantError) -> HttpResponse:
    return _error(request, problem)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, problem: ValidationError) -> HttpResponse:
    first = problem.errors[0]
    reason = f"{first['loc'][-1]}: {first['msg'].lower()}"
    return _error(request, AssistantError("request.invalid", reason=reason))


@api.exception_handler(HttpError)
def _unreadable(request: HttpRequest, problem: HttpError) -> HttpResponse:
    if problem.status_code == 403:  # ninja's check of the CSRF token
        return _error(request, AssistantError("request.forged"))
    return _error(request, AssistantError("request.invalid", reason=str(problem).lower()))


@api.exception_handler(AuthenticationError)
def _not_signed_in(request: HttpRequest, problem: AuthenticationError) -> HttpResponse:
    return _error(request, AssistantError("person.not_signed_in"))


@api.exception_handler(OperationalError)
@api.exception_handler(InterfaceError)
def _no_database(request: HttpRequest, problem: Exception) -> HttpResponse:
    return _error(request, AssistantError("database.unavailable"))
