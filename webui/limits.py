"""Counts what people do over HTTP and over sockets against the limits."""

from __future__ import annotations

import time
from collections import deque
from math import ceil
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from assistant import limits
from assistant.accounts.models import Person
from assistant.chat import queries
from assistant.errors import AssistantError
from webui.errors import failure

# Probes come at a pace of their own, and must not be told that they come too often.
UNCOUNTED = ("/healthz", "/readyz")

FRAMES, FRAMES_WITHIN_S = 20, 10.0
# Whoever goes on like this after being told is no page of ours.
REFUSALS_BORNE = 100


class RequestLimit(MiddlewareMixin):
    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        # Whose request is one with a key is not known here: webui/v1/core.py counts it.
        if request.path_info in UNCOUNTED or request.path_info.startswith(("/v1/", "/api/desk/v1/")):
            return None
        person_id = request.user.id if isinstance(request.user, Person) else None
        try:
            limits.spend_request(person_id, limits.network_of(request.META.get("REMOTE_ADDR")))
        except AssistantError as problem:
            return failure(request, problem)
        return None


def admit_question(person_id: UUID, address: str, client_message_id: UUID | None = None) -> None:
    """Count a question to the model, but not the same one sent again after a broken connection. Raises rate.limited."""
    if client_message_id is None or not queries.is_stored(person_id, client_message_id):
        limits.spend_message(person_id, address)


class FrameLimit:
    """The pace of one socket's frames."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=FRAMES)
        self._refused = 0

    def spend(self) -> None:
        """Raises rate.limited."""
        now = time.monotonic()
        wait_s = self._times[0] + FRAMES_WITHIN_S - now if len(self._times) == FRAMES else 0.0
        if wait_s > 0 and settings.LIMITS:
            self._refused += 1
            raise AssistantError("rate.limited", retry_after_s=ceil(wait_s))
        self._refused = 0
        self._times.append(now)

    @property
    def is_ignored(self) -> bool:
        return self._refused > REFUSALS_BORNE
