"""Who may call, and how every failure is told: one shape with a stable code."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.security import SessionAuth

from assistant.accounts.models import Person
from assistant.errors import AssistantError
from webui.errors import failure


class _PersonAuth(SessionAuth):
    def authenticate(self, request: HttpRequest, key: str | None) -> Person | None:
        return request.user if isinstance(request.user, Person) else None


api = NinjaAPI(title="Parley", version="1", auth=_PersonAuth(), docs_url=None, openapi_url="openapi.json")


class Error(Schema):
    code: str
    message: str
    retryable: bool


def person_of(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)  # _PersonAuth lets nobody else through
    return request.user


def tell_failures(of: NinjaAPI, not_signed_in: str) -> None:
    """Have this API tell every failure in the product's way; `not_signed_in` is the code for whoever is nobody."""

    @of.exception_handler(AssistantError)
    def _expected(request: HttpRequest, problem: AssistantError) -> HttpResponse:
        return failure(request, problem)

    @of.exception_handler(ValidationError)
    def _invalid(request: HttpRequest, problem: ValidationError) -> HttpResponse:
        first = problem.errors[0]
        reason = f"{first['loc'][-1]}: {first['msg'].lower()}"
        return failure(request, AssistantError("request.invalid", reason=reason))

    @of.exception_handler(HttpError)
    def _unreadable(request: HttpRequest, problem: HttpError) -> HttpResponse:
        if problem.status_code == 403:  # ninja's check of the CSRF token
            return failure(request, AssistantError("request.forged"))
        return failure(request, AssistantError("request.invalid", reason=str(problem).lower()))

    @of.exception_handler(AuthenticationError)
    def _not_signed_in(request: HttpRequest, problem: AuthenticationError) -> HttpResponse:
        return failure(request, AssistantError(not_signed_in))

    @of.exception_handler(OperationalError)
    @of.exception_handler(InterfaceError)
    def _no_database(request: HttpRequest, problem: Exception) -> HttpResponse:
        return failure(request, AssistantError("database.unavailable"))


tell_failures(api, "person.not_signed_in")
