"""Reading conversations outside of the review queue: administrators find one, say why, and read it. Each page of it
that is read is an audit event, so it comes by POST and never by following a link."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from assistant.errors import AssistantError
from assistant.feedback import transcripts as finding
from webui.preferences import preferences_of
from webui.review.sitting import begin, reason_of
from webui.workbench import show, staff_of


@require_safe
@never_cache
def transcripts(request: HttpRequest) -> HttpResponse:
    """?about= a conversation's id or its owner's e-mail address, ?down=1 with a thumb down."""
    person = staff_of(request)
    about, only_down = request.GET.get("about", ""), request.GET.get("down") == "1"
    page = finding.readable(person.id, about=about, only_down=only_down, cursor=request.GET.get("cursor"))
    more = {"about": about, "down": "1" if only_down else "", "cursor": page.next_cursor}
    context = {
        "page": page,
        "about": about,
        "only_down": only_down,
        "more": urlencode(more) if page.next_cursor else "",
    }
    return show(request, "review", "webui/review/transcripts.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def transcript(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Asks why; the form's `reason` shows the newest messages, with `leaf` those up from there."""
    person = staff_of(request)
    if not finding.readable(person.id, about=str(conversation_id)).items:
        raise AssistantError("transcript.not_found")
    preferences = preferences_of(person).model_dump()
    context = {
        "conversation_id": conversation_id,
        "reason": reason_of(request),
        "page_state": {"preferences": preferences, "messages": []},
    }
    if request.method == "POST":
        begin(request, request.POST.get("reason", ""))
        window = finding.read(person.id, conversation_id, request.POST["reason"], _leaf(request))
        context |= {
            "reason": reason_of(request),
            "window": window,
            "page_state": {
                "preferences": preferences,
                "messages": [{"text": message.text} for message in window.items],
            },
        }
    return show(request, "review", "webui/review/transcript.html", context)


def _leaf(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.POST["leaf"]) if request.POST.get("leaf") else None
    except ValueError:
        raise AssistantError("message.not_found") from None
