"""The review queue as a list: what waits and who holds it, what was decided and can be undone. It has no transcript."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_http_methods, require_safe

from assistant.errors import AssistantError
from assistant.feedback import review_list, reviews
from assistant.feedback.models import Review
from webui.review.texts import CAUSES, STATES
from webui.workbench import show, staff_of

AGES = (0, 2, 7, 30)


@require_safe
@never_cache
def queue(request: HttpRequest) -> HttpResponse:
    """?cause= &holder= &days= filter; what none of them knows is as if it were not there."""
    reviewer = staff_of(request)
    cause = cause_of(request)
    wanted = request.GET.get("holder")
    holder: review_list.Holder = next((each for each in get_args(review_list.Holder) if each == wanted), "anybody")
    days = next((each for each in AGES if str(each) == request.GET.get("days")), 0)
    page = review_list.waiting(
        reviewer, cause=cause, holder=holder, min_age=timedelta(days=days), cursor=request.GET.get("cursor")
    )
    chosen = {"cause": cause or "", "holder": holder, "days": str(days)}
    counts = review_list.counts(reviewer)
    context = {
        "counts": [(each, CAUSES[each], count) for each, count in counts.items()],
        "total": sum(counts.values()),
        "rows": [(row, CAUSES[row.cause]) for row in page.items],
        "more": urlencode({**chosen, "cursor": page.next_cursor}) if page.next_cursor else "",
        "ages": AGES,
        **chosen,
    }
    return show(request, "review", "webui/review/queue.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@ensure_csrf_cookie
def decided(request: HttpRequest) -> HttpResponse:
    """What was decided; a form with `review` undoes one and leads to it."""
    reviewer = staff_of(request)
    if request.method == "POST":
        review = reviews.undo(reviewer.id, _review_id(request))
        return redirect(f"{reverse('review_work')}?{urlencode({'review': review.id})}")
    page = review_list.decided(reviewer, cursor=request.GET.get("cursor"))
    context = {
        "rows": [(row, CAUSES[row.cause], STATES[row.state]) for row in page.items],
        "more": urlencode({"cursor": page.next_cursor}) if page.next_cursor else "",
    }
    return show(request, "review", "webui/review/decided.html", context)


def cause_of(request: HttpRequest) -> Review.Cause | None:
    return next((cause for cause in Review.Cause if cause == request.GET.get("cause")), None)


def _review_id(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("review", ""))
    except ValueError:
        raise AssistantError("review.not_found") from None
