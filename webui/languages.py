"""Which language a person reads: that of the language cookie, else of the browser."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language_from_request


def chosen_language(request: HttpRequest) -> str:
    """What stands in the cookie; empty when the browser is followed."""
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    return chosen if chosen in dict(settings.LANGUAGES) else ""


def language_of(scope: dict[str, Any]) -> str:
    """The one in which LocaleMiddleware showed the page to which a socket belongs."""
    request = HttpRequest()
    request.COOKIES = scope.get("cookies", {})
    accepted = dict(scope["headers"]).get(b"accept-language", b"")
    request.META["HTTP_ACCEPT_LANGUAGE"] = accepted.decode("latin-1")
    return get_language_from_request(request)
