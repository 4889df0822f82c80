"""The place where one review after the other is judged. What is on it comes by webui/api/reviews.py: taking and reading
are writes, and the next one is there before the first is decided."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from webui.assets import assets
from webui.preferences import preferences_of
from webui.review.queue import cause_of
from webui.review.sitting import reason_of
from webui.review.texts import CAUSES, WORK_TEXTS
from webui.workbench import show, staff_of


@require_safe
@never_cache
@ensure_csrf_cookie
def work(request: HttpRequest) -> HttpResponse:
    """?cause= of one kind alone, ?review= begins with that one."""
    reviewer, cause = staff_of(request), cause_of(request)
    reason = reason_of(request)
    context = {
        "reason": reason,
        "cause": CAUSES[cause] if cause else "",
        "needs_two": settings.REVIEW_NEEDS_TWO,
        "page_state": {
            "preferences": preferences_of(reviewer).model_dump(),
            "cause": cause,
            "review_id": request.GET.get("review"),
            "reason": reason,
            "needs_two": settings.REVIEW_NEEDS_TWO,
        },
        "page_texts": {**assets()["page_texts"], **WORK_TEXTS},
    }
    return show(request, "review", "webui/review/work.html", context)
