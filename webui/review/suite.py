"""The regression suite as a list. What stands in it is redacted, and reading it needs no reason."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from assistant.errors import AssistantError
from assistant.finetuning import regression
from webui.workbench import show, staff_of


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def suite(request: HttpRequest) -> HttpResponse:
    """A form with `case` retires that one."""
    person = staff_of(request)
    if request.method == "POST":
        regression.retire(person.id, _case_id(request))
        messages.success(request, _("The test is retired: new adapters are not asked it any more."))
        return redirect("review_tests")
    return show(
        request, "review_tests", "webui/review/suite.html", {"page": regression.cases(request.GET.get("cursor"))}
    )


def _case_id(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("case", ""))
    except ValueError:
        raise AssistantError("regression.not_found") from None
