"""Taking one's data along: downloads of one conversation and of everything, and the page that takes in a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from assistant.accounts.actions import ensure_person
from assistant.accounts.models import Person
from assistant.errors import AssistantError
from assistant.portability import archive
from webui.assets import assets

Export = Callable[[UUID, UUID], tuple[str, bytes]]


@require_safe
@never_cache
def export_json(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    return _download(request, conversation_id, archive.conversation_json, "application/json")


@require_safe
@never_cache
def export_markdown(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    return _download(request, conversation_id, archive.conversation_markdown, "text/markdown; charset=utf-8")


@require_safe
@never_cache
@login_required
def export_all(request: HttpRequest) -> StreamingHttpResponse:
    assert isinstance(request.user, Person)
    pieces = archive.everything(request.user)
    answer = StreamingHttpResponse(_one_by_one(pieces), content_type="application/zip")
    answer["Content-Disposition"] = content_disposition_header(True, f"parley {datetime.now(UTC):%Y-%m-%d}.zip")
    return answer


@require_safe
@never_cache
@ensure_csrf_cookie
def import_page(request: HttpRequest) -> HttpResponse:
    ensure_person(request)
    return render(request, "webui/import.html", {"page_state": {}, **assets()})


def _download(request: HttpRequest, conversation_id: UUID, export: Export, content_type: str) -> HttpResponse:
    try:
        if not isinstance(request.user, Person):
            raise AssistantError("conversation.not_found")
        name, content = export(request.user.id, conversation_id)
    except AssistantError as error:
        return render(request, "webui/error.html", {"error": error}, status=error.status)
    answer = HttpResponse(content, content_type=content_type)
    answer["Content-Disposition"] = content_disposition_header(True, name)
    return answer


async def _one_by_one(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Made as the browser takes them. A plain iterator would be read to its end, into memory, before the first byte."""

    def next_piece() -> bytes | None:
        return next(pieces, None)

    while (piece := await sync_to_async(next_piece)()) is not None:
        yield piece
