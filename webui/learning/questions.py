"""The page on which staff judges the questions that a training made: a page of them at once."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from assistant.errors import AssistantError
from assistant.finetuning.runs import made_questions, queries
from assistant.finetuning.runs.models import TrainingRun
from webui.learning.runs import TAB
from webui.workbench import show, staff_of


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def questions(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Sent, what is ticked is refused, what is not is not, and the next page follows."""
    person = staff_of(request)
    run = queries.run_of(run_id)
    if not isinstance(run, TrainingRun):
        raise AssistantError("run.not_found")
    cursor = request.GET.get("after")
    page = made_questions.questions_of(run, cursor)
    if request.method == "POST":
        changed = made_questions.judge(person, run, cursor, set(request.POST.getlist("refused")))
        messages.success(request, _("Kept. Changed: {count}.").format(count=changed))
        following = page.next_cursor or cursor or "0"
        return redirect(f"{reverse('learning_questions', args=[run.pk])}?after={following}")
    return show(request, TAB, "webui/learning/questions.html", {"run": run, "page": page})
