"""What the sections have in common: whose page it is, and what stands around it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from assistant.accounts.models import Person


def show(
    request: HttpRequest, person: Person, section: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    return render(
        request, f"webui/settings/{section}.html", {"person": person, "section": section, **context}, status=status
    )


def saved(request: HttpRequest, page: str) -> HttpResponse:
    """Back to the page, so that reloading it sends nothing twice."""
    messages.success(request, _("Saved."))
    return redirect(page)
