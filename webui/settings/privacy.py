"""Privacy and data: what may be learned from, and the way out."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assistant.accounts import actions
from assistant.accounts.actions import ensure_person
from assistant.chat.erasure import erase_person, holdings_of
from assistant.errors import AssistantError
from webui.settings.pages import saved, show


@require_safe
@never_cache
def privacy(request: HttpRequest) -> HttpResponse:
    return show(request, ensure_person(request), "privacy", {})


@require_POST
def consent(request: HttpRequest) -> HttpResponse:
    """Only the very word gives it: a request that lost its field on the way must not."""
    actions.set_training_consent(ensure_person(request).id, is_given=request.POST.get("consent") == "given")
    return saved(request, "settings_privacy")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@reauthentication_required(app="allauth.account", allow_get=True)
def delete_account(request: HttpRequest) -> HttpResponse:
    """Says what will be erased; the button does it. A member proves once more who they are, a guest cannot."""
    person = ensure_person(request)
    if request.method != "POST":
        return show(request, person, "delete", {"holdings": holdings_of(person.id)})
    try:
        erase_person(person.id)
    except AssistantError as error:
        return render(request, "webui/error.html", {"error": error}, status=error.status)
    logout(request)
    messages.success(request, _("Everything of yours has been erased."))
    return redirect("account_login")
