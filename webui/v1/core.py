"""Who may call: whoever shows an API key. Cookies open nothing here, so no page elsewhere can call for its reader."""

from __future__ import annotations

from channels.db import database_sync_to_async
from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.security import HttpBearer

from assistant import limits
from assistant.accounts import api_keys
from assistant.accounts.models import Person
from webui.api.core import tell_failures


class KeyAuth(HttpBearer):
    async def authenticate(self, request: HttpRequest, token: str) -> Person | None:
        person: Person | None = await database_sync_to_async(_admit)(token, address_of(request))
        return person


def _admit(key: str, address: str) -> Person | None:
    """Counts the request, and one with a wrong key too. Raises rate.limited."""
    person = api_keys.person_with(key)
    limits.spend_request(person.id if person else None, address)
    return person


def address_of(request: HttpRequest) -> str:
    return limits.network_of(request.META.get("REMOTE_ADDR"))


def person_of(request: HttpRequest) -> Person:
    person = request.auth  # type: ignore[attr-defined]  # set by ninja to what KeyAuth found
    assert isinstance(person, Person)
    return person


api = NinjaAPI(
    title="Parley for programs", version="1", urls_namespace="v1", auth=KeyAuth(), docs_url=None, openapi_url=None
)
tell_failures(api, "api_key.invalid")
