"""Your feedback: all that a person said about answers, and what became of each."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from assistant.accounts.actions import ensure_person
from assistant.errors import AssistantError
from assistant.feedback import actions as feedback_actions
from assistant.feedback import comparisons
from assistant.outcomes import actions
from assistant.outcomes.life import Life, life_of, lives_of
from assistant.outcomes.models import AskedAgain
from webui.outcomes import COMPARED, REASONS, VERDICTS, steps_of
from webui.settings.pages import show


@require_safe
@never_cache
def feedback(request: HttpRequest) -> HttpResponse:
    person = ensure_person(request)
    cursor = request.GET.get("cursor", "")
    page = lives_of(person.id, cursor or None)
    context = {"lives": [_shown(life) for life in page.items], "cursor": cursor, "next_cursor": page.next_cursor}
    answer = show(request, person, "feedback", {**context, "compared": COMPARED.items()})
    if request.method == "GET":
        actions.see(person.id)
    return answer


@require_POST
def withdraw(request: HttpRequest) -> HttpResponse:
    """Take back what was said about `message`, or with `other` the vote between the two."""
    person_id = ensure_person(request).id
    message_id, other = _id(request, "message"), request.POST.get("other", "")
    said = _("Taken back. Nothing new is learned from it.")
    if other:
        comparisons.withdraw(person_id, message_id, _id(request, "other"))
    else:
        adapter = life_of(person_id, message_id).stages.adapter
        feedback_actions.withdraw(person_id, message_id)
        if adapter:
            after = _("What {adapter} has learned stays in it; the next training is without.")
            said += " " + after.format(adapter=adapter)
    messages.success(request, said)
    return _back(request)


@require_POST
def judge(request: HttpRequest) -> HttpResponse:
    """Say of an answer that was asked for again whether it is better (`verdict`); "" takes that back."""
    verdict = request.POST.get("verdict", "")
    if verdict not in ("", *AskedAgain.Verdict.values):
        raise AssistantError("request.unreadable")
    actions.judge(
        ensure_person(request).id, _id(request, "asked_again"), AskedAgain.Verdict(verdict) if verdict else None
    )
    return _back(request)


@require_POST
def seen(request: HttpRequest) -> HttpResponse:
    """The notice in the chat was read and put away."""
    actions.see(ensure_person(request).id)
    is_instant = request.headers.get("X-Requested-With") == "XMLHttpRequest"
    return HttpResponse(status=204) if is_instant else redirect("new_chat")


def _shown(life: Life) -> dict[str, Any]:
    return {
        "life": life,
        "steps": steps_of(life),
        "verdict": VERDICTS.get(life.verdict, ""),
        "reasons": [REASONS[reason] for reason in life.reasons],
        "measured": COMPARED.get(life.again.measured, "") if life.again else "",
    }


def _id(request: HttpRequest, name: str) -> UUID:
    try:
        return UUID(request.POST.get(name, ""))
    except ValueError:
        raise AssistantError("request.unreadable") from None


def _back(request: HttpRequest) -> HttpResponse:
    """To where on the page one was."""
    cursor, place = request.POST.get("cursor", ""), request.POST.get("place", "")
    query = f"?{urlencode({'cursor': cursor})}" if cursor else ""
    return redirect(f"{reverse('settings_feedback')}{query}{f'#{place}' if place.replace('-', '').isalnum() else ''}")
