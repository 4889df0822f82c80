"""Why somebody reads transcripts: asked once for a sitting, kept in their session, and told to the audit each time."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone

from assistant.feedback.reviews import checked_reason
from webui.workbench import staff_of

# A working day. Whoever comes back tomorrow says why again.
SITTING_S = 10 * 3600
_KEY = "transcript_reason"


def begin(request: HttpRequest, reason: str) -> None:
    """Raises request.not_allowed, review.reason_missing."""
    staff_of(request)
    request.session[_KEY] = {"reason": checked_reason(reason), "at": timezone.now().timestamp()}


def reason_of(request: HttpRequest) -> str:
    """Empty where none was given yet, or too long ago. Raises request.not_allowed."""
    staff_of(request)
    kept = request.session.get(_KEY, {"reason": "", "at": 0.0})
    return str(kept["reason"]) if timezone.now().timestamp() - kept["at"] < SITTING_S else ""
