"""Files that go with messages of visitors and agents, as both are told of them and get them: never as a page of ours,
whatever stands in one."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from ninja import Schema

from assistant.desk import attachments
from assistant.desk.models import Attachment


class AttachmentOut(Schema):
    """`size` in bytes, as it is kept."""

    id: UUID
    name: str
    media_type: str
    size: int


def download_of(row: Attachment) -> HttpResponse:
    """Raises attachment.not_found."""
    answer = HttpResponse(attachments.read(row), content_type=row.media_type)
    answer["Content-Disposition"] = content_disposition_header(True, row.name) or "attachment"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    answer._csp_config = {"default-src": ["'none'"], "sandbox": []}  # type: ignore[attr-defined]
    return answer
