"""The approved answers, as staff finds, adds, edits and retires them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from assistant.chat.texts import checked
from assistant.errors import AssistantError
from assistant.feedback.disputes import DISPUTED, Standing, standings_of
from assistant.knowledge import actions, queries
from assistant.knowledge.models import Passage
from webui.workbench import show, staff_of


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def listed(request: HttpRequest) -> HttpResponse:
    """The list, and by POST a new answer."""
    staff = staff_of(request)
    if request.method == "POST":
        return _attempt(request, lambda text: actions.add(staff.id, *text), _list)
    return _list(request)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def one(request: HttpRequest, passage_id: UUID) -> HttpResponse:
    """One of them; by POST it is edited, or retired."""
    staff = staff_of(request)
    if request.method == "POST" and "retire" in request.POST:
        actions.retire(staff.id, passage_id)
        messages.success(request, _("This answer is not given any more."))
        return redirect("approved_answers")
    passage = queries.passage_of(passage_id)

    def page(request: HttpRequest, context: dict[str, Any] | None = None) -> HttpResponse:
        standing = standings_of([passage.id]).get(passage.id, Standing())
        given = {"question": passage.question, "answer": passage.answer, **(context or {})}
        return show(
            request,
            "approved_answers",
            "webui/approved_answer.html",
            {"passage": passage, "standing": standing, **given},
            status=400 if context else 200,
        )

    if request.method == "POST":
        return _attempt(request, lambda text: actions.edit(staff.id, passage_id, *text), page)
    return page(request)


def _list(request: HttpRequest, context: dict[str, Any] | None = None) -> HttpResponse:
    text, which = request.GET.get("q", ""), request.GET.get("which", "")
    page = queries.passages_of(
        text,
        request.GET.get("cursor"),
        is_retired=which == "retired",
        among=DISPUTED if which == "disputed" else None,
    )
    standings = standings_of([passage.id for passage in page.items])
    rows = [(passage, standings.get(passage.id, Standing())) for passage in page.items]
    found = {"rows": rows, "next_cursor": page.next_cursor, "q": text, "which": which, **(context or {})}
    return show(request, "approved_answers", "webui/approved_answers.html", found, status=400 if context else 200)


def _attempt(
    request: HttpRequest,
    store: Callable[[tuple[str, str]], Passage],
    page: Callable[[HttpRequest, dict[str, Any]], HttpResponse],
) -> HttpResponse:
    """Store what was written; where that cannot be, it stays in the form, with the reason."""
    question, answer = request.POST.get("question", ""), request.POST.get("answer", "")
    try:
        passage = store((checked(question), checked(answer)))
    except AssistantError as error:
        if error.code == "passage.not_found":
            raise
        return page(request, {"question": question, "answer": answer, "problem": error.message})
    messages.success(request, _("Saved. It is given from now on."))
    return redirect("approved_answer", passage.id)
