"""Finding conversations by what they are called and what was said in them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema

from assistant.chat import search
from webui.api.core import person_of

router = Router()


class PartOut(Schema):
    text: str
    is_match: bool


class SearchResultOut(Schema):
    conversation_id: UUID
    title: str
    is_archived: bool
    folder_name: str | None
    message_id: UUID | None
    written_at: datetime
    snippet: list[PartOut]


class SearchPage(Schema):
    items: list[SearchResultOut]
    next_cursor: str | None


@router.get("/search", response=SearchPage)
def find(
    request: HttpRequest, q: str, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=50)] = 20
) -> SearchPage:
    page = search.search(person_of(request).id, q, cursor, limit)
    return SearchPage.model_validate(page, from_attributes=True)
