"""What makes the page installable as an app: its name, its pictures and the colours of the window around it."""

from __future__ import annotations

from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

# --bg of tokens.css: what lies outside the page has its colour.
THEME_COLORS = {"light": "#ffffff", "dark": "#191918"}
# Made from icon.svg by `make icons`: (file, size, purpose)
ICONS = [("icon-192", 192, "any"), ("icon-512", 512, "any"), ("icon-maskable-512", 512, "maskable")]


@require_safe
def manifest(request: HttpRequest) -> JsonResponse:
    home = reverse("new_chat")
    return JsonResponse(
        {
            "id": home,
            "name": "Parley",
            "short_name": "Parley",
            "description": gettext("A chat assistant on your own machine"),
            "start_url": home,
            "scope": home,
            "display": "standalone",
            "background_color": THEME_COLORS["light"],
            "theme_color": THEME_COLORS["light"],
            "icons": [
                {
                    "src": staticfiles_storage.url(f"webui/icons/{name}.png"),
                    "sizes": f"{size}x{size}",
                    "type": "image/png",
                    "purpose": purpose,
                }
                for name, size, purpose in ICONS
            ],
        },
        content_type="application/manifest+json",
    )
