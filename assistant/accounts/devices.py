"""Where a person is signed in: the list of their sessions, and the end of one. Guests have one device and no list."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from assistant.accounts.device_names import name_of_device
from assistant.accounts.models import Person
from assistant.errors import AssistantError

# How exact "last seen" is; in between, a request costs no write.
NOTED_EVERY_S = 5 * 60


@dataclass(frozen=True, slots=True)
class Device:
    id: int
    name: str
    ip: str
    last_seen_at: datetime
    is_this: bool


class NoteDevices:
    """Middleware. allauth's own writes at every request, which would queue up for SQLite's one write lock."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        # Afterwards, and only where the view has looked at the session: nothing here may cost the health checks a
        # query, or turn an answer that says "the database is away" into a crash.
        if request.session.accessed:
            with suppress(OperationalError, InterfaceError):
                _note(request)
        return response


def _note(request: HttpRequest) -> None:
    key = request.session.session_key
    is_member = bool(key) and isinstance(request.user, Person) and not request.user.is_guest
    if is_member and cache.add(f"parley.seen:{key}", 1, NOTED_EVERY_S):
        UserSession.objects.create_from_request(request)


def devices_of(person: Person, session_key: str | None) -> list[Device]:
    """Those that are still signed in, this one first, then the latest seen."""
    sessions = UserSession.objects.purge_and_list(person)
    devices = [
        Device(each.pk, name_of_device(each.user_agent), each.ip, each.last_seen_at, each.session_key == session_key)
        for each in sessions
    ]
    return sorted(devices, key=lambda device: (device.is_this, device.last_seen_at), reverse=True)


def end_device(person: Person, device_id: int) -> None:
    """Sign a device out. Raises device.not_found for one that is another person's, or was signed out already."""
    session = UserSession.objects.filter(user=person, pk=device_id).first()
    if session is None:
        raise AssistantError("device.not_found")
    get_adapter().end_sessions([session])


def end_devices(person: Person, except_session_key: str | None = None) -> None:
    get_adapter().end_sessions(UserSession.objects.filter(user=person).exclude(session_key=except_session_key))
