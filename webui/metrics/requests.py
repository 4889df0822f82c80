"""Counts every HTTP request by the pattern of its address, which holds no id, and by how it was answered."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from assistant.metrics import counts
from assistant.metrics.catalog import REQUESTS

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Of what no page was asked for: files, and whatever led nowhere or was refused before.
FILES, NOWHERE = "static files", "none"

Handler = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def count_requests(get_response: Handler) -> Handler:
    if iscoroutinefunction(get_response):

        async def handle_async(request: HttpRequest) -> HttpResponseBase:
            began = time.perf_counter()
            answer: HttpResponseBase = await get_response(request)
            _count(request, answer, time.perf_counter() - began)
            return answer

        return handle_async

    def handle(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        answer = get_response(request)
        assert isinstance(answer, HttpResponseBase)
        _count(request, answer, time.perf_counter() - began)
        return answer

    return handle


def _count(request: HttpRequest, answer: HttpResponseBase, seconds: float) -> None:
    method = request.method if request.method in METHODS else "other"
    counts.observe(REQUESTS, seconds, _route(request, answer), method or "other", str(answer.status_code))


def _route(request: HttpRequest, answer: HttpResponseBase) -> str:
    if match := request.resolver_match:
        return f"/{match.route}"
    # Only a file that is there is one: anybody can ask for names without end.
    is_file = request.path_info.startswith(settings.STATIC_URL) and answer.status_code < 400
    return FILES if is_file else NOWHERE
