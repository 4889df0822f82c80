"""`/widget/<site>/`: the document in the frame. It holds nothing of any visitor and needs no cookie: who somebody is,
the frame says by a token (webui/widget/api.py)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from assistant.desk.models import Site
from assistant.desk.site_settings import LANGUAGES, is_open, settings_of, texts_in
from assistant.desk.sites import site_of
from webui.widget.assets import widget_assets

# What the shared modules read of the chat page's state, for somebody who has said nothing yet.
NOTHING_YET: dict[str, Any] = {
    "preferences": {"follows_reply": True, "shows_suggestions": True},
    **dict.fromkeys(("conversation_id", "conversation", "message_id", "next_leaf_id", "next_after_id")),
    "messages": [],
    "is_current_branch": True,
}


@require_safe
@never_cache
@xframe_options_exempt
def frame(request: HttpRequest, site_id: UUID) -> HttpResponse:
    """Only pages of the site's origins may show it: the browser sees to that by `frame-ancestors`."""
    site = site_of(site_id)
    return show_frame(request, site, site.allowed_origins)


def show_frame(request: HttpRequest, site: Site, ancestors: list[str], *, is_preview: bool = False) -> HttpResponse:
    language = language_of(request, site)
    own_origin = request.build_absolute_uri("/").rstrip("/")
    with translation.override(language):
        context = _context(site, language, [own_origin] if is_preview else ancestors, is_preview)
        answer = render(request, "webui/widget/frame.html", context)
    # What stands there was checked letter by letter when it was stored (site_settings.normal_origin).
    answer._csp_replace = {"frame-ancestors": ancestors or ["'none'"]}  # type: ignore[attr-defined]
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer["Referrer-Policy"] = "no-referrer"
    return answer


def language_of(request: HttpRequest, site: Site) -> str:
    """What the page asks for, else what the browser reads, as far as the widget speaks it."""
    asked = request.GET.get("locale", "").lower()
    asked = "zh-hans" if asked.startswith("zh") else asked.split("-")[0]
    language = asked if asked in LANGUAGES else translation.get_language_from_request(request)
    return language if language in LANGUAGES else LANGUAGES[0]


def _context(site: Site, language: str, origins: list[str], is_preview: bool) -> dict[str, Any]:
    kept = settings_of(site)
    texts = texts_in(site, language)
    state = {
        "site_id": site.id,
        "allowed_origins": origins,
        "is_preview": is_preview,
        "language": language,
        "theme": {**kept.theme.model_dump(), "text_color": kept.theme.text_color},
        "site_texts": texts.model_dump(),
        "pre_chat": [field.model_dump() for field in kept.pre_chat],
        "asks_training_consent": site.asks_training_consent,
        "has_offline_form": site.has_offline_form,
        "is_identity_required": site.is_identity_required,
        "is_open": is_open(site, timezone.now()),
        "can_mail": settings.MAIL_REACHES_PEOPLE,
        "max_message_chars": settings.MAX_MESSAGE_CHARS,
        **NOTHING_YET,
    }
    return {"site": site, "site_texts": texts, "theme": kept.theme, "page_state": state, **widget_assets()}
