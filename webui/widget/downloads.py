"""Hands out a file that somebody sent: never to be shown as a page of ours, whatever stands in it."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from assistant.desk import attachments
from assistant.desk.models import Attachment


def download_of(row: Attachment) -> HttpResponse:
    """Raises attachment.not_found."""
    answer = HttpResponse(attachments.read(row), content_type=row.media_type)
    answer["Content-Disposition"] = content_disposition_header(True, row.name) or "attachment"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    answer._csp_config = {"default-src": ["'none'"], "sandbox": []}  # type: ignore[attr-defined]
    return answer
