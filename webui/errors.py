"""Every failure in one look: a page for people, the same code and sentence as JSON for programs."""

from __future__ import annotations

import sys
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers
from django.utils.deprecation import MiddlewareMixin

from assistant.errors import AssistantError
from webui.body_limit import body_limit_of, is_too_large


def failure(request: HttpRequest, problem: AssistantError) -> HttpResponse:
    """Tell whoever asked, in their shape."""
    answer: HttpResponse
    if request.path_info.startswith("/v1/"):
        answer = JsonResponse(openai_error(problem.code, problem.message, problem.status), status=problem.status)
    elif request.path_info.startswith("/api/"):
        fields = {"code": problem.code, "message": problem.message, "retryable": problem.retryable}
        answer = JsonResponse(fields, status=problem.status)
    else:
        # The context of a request asks the database who is signed in: too much of a server that is failing.
        of_request = request if problem.status < 500 else None
        page = render_to_string("webui/error.html", {"error": problem}, request=of_request)
        answer = HttpResponse(page, status=problem.status)
    if problem.retry_after_s is not None:
        answer["Retry-After"] = str(problem.retry_after_s)
    elif problem.status == 429:
        answer["Retry-After"] = "1"  # it ends when one of their own replies does, which nobody can foretell
    add_never_cache_headers(answer)
    return answer


def openai_error(code: str, message: str, status: int) -> dict[str, Any]:
    """The shape that OpenAI's clients read, with our code (platform.openai.com/docs/guides/error-codes)."""
    type_ = _OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": type_, "param": None, "code": code}}


_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


class Failures(MiddlewareMixin):
    """What a page raises, and what is refused before any page is asked."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if not is_too_large(request):
            return None
        limit = f"{body_limit_of(request.path_info) / 1024**2:g} MB"
        answer = failure(request, AssistantError("request.too_large", limit=limit))
        answer["Connection"] = "close"  # the rest of the body is not waited for
        return answer

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return failure(request, exception) if isinstance(exception, AssistantError) else None


# What Django calls by the names in assistant/urls.py and settings.py


def unreadable(request: HttpRequest, exception: SuspiciousOperation) -> HttpResponse:
    return failure(request, AssistantError("request.unreadable"))


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    return failure(request, AssistantError("request.not_allowed"))


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    return failure(request, AssistantError("request.forged"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return failure(request, AssistantError("page.not_found"))


def too_many(request: HttpRequest) -> HttpResponse:
    """Called by allauth, which does not say for how long; its windows are a minute, and an hour for signing up."""
    is_sign_up = request.path_info == "/accounts/signup/"
    return failure(request, AssistantError("rate.limited", retry_after_s=3600 if is_sign_up else 60))


def server_error(request: HttpRequest) -> HttpResponse:
    is_outage = isinstance(sys.exception(), (OperationalError, InterfaceError))
    return failure(request, AssistantError("database.unavailable" if is_outage else "server.error"))
