"""Who may call, how lists are paged, and how every failure is told. A key does what its person may do at the desk."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from ninja import NinjaAPI, Query
from ninja.responses import codes_4xx, codes_5xx
from pydantic import AfterValidator

from assistant.accounts.models import Person
from assistant.desk.access import is_agent
from assistant.errors import AssistantError
from webui.api.core import Error, tell_failures
from webui.v1.core import KeyAuth
from webui.v1.core import person_of as holder_of

Row = TypeVar("Row", bound=Model)

api = NinjaAPI(
    title="Parley's desk",
    version="1",
    description="Conversations, messages, contacts and sites of the key's person. Send Authorization: Bearer KEY.",
    urls_namespace="rest",
    auth=KeyAuth(),
    docs_url=None,
    openapi_url="openapi.json",
)
tell_failures(api, "api_key.invalid")

def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("has a NUL character, which cannot be stored")
    return text


Storable = Annotated[str, AfterValidator(_storable)]
# What every operation may answer with besides its own.
FAILURES: dict[Any, Any] = {codes_4xx: Error, codes_5xx: Error}
Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
Cursor = Annotated[UUID | None, Query(description="`next_cursor` of the page before.")]


def agent_of(request: HttpRequest) -> Person:
    """Raises request.not_allowed for the key of somebody without a desk."""
    person = holder_of(request)
    if not is_agent(person):
        raise AssistantError("request.not_allowed")
    return person


def page_of(rows: QuerySet[Row], cursor: UUID | None, limit: int, *, newest_first: bool = True) -> dict[str, Any]:
    """Ids are of the time at which their rows were made, so they are the order and the cursor alike."""
    rows = rows.order_by("-pk" if newest_first else "pk")
    if cursor:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": cursor})
    found = list(rows[: limit + 1])
    return {"items": found[:limit], "next_cursor": found[limit - 1].pk if len(found) > limit else None}
