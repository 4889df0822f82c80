"""API keys: by which programs of one's own use the assistant. A new one is shown on the page that answers the form,
and nowhere else."""

from __future__ import annotations

from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from assistant.accounts import api_keys
from assistant.accounts.actions import ensure_person
from assistant.errors import AssistantError
from webui.accounts import members_only
from webui.settings.pages import show


class KeyForm(forms.Form):
    name = forms.CharField(
        max_length=api_keys.MAX_NAME_CHARS,
        widget=forms.TextInput({"class": "input", "autocomplete": "off"}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@members_only
@reauthentication_required(app="allauth.account", allow_get=True)
def keys(request: HttpRequest) -> HttpResponse:
    """The list; the form makes a key, for which a member proves once more who they are."""
    if not request.user.is_authenticated:
        return redirect("account_login")
    person = ensure_person(request)
    form = KeyForm(request.POST or None)
    new_key = ""
    if request.method == "POST" and form.is_valid():
        try:
            new_key = api_keys.create(person.id, form.cleaned_data["name"], by=person.id)
            form = KeyForm()
        except AssistantError as error:
            form.add_error("name", error.message)
    context = {"keys": api_keys.keys_of(person.id), "form": form, "new_key": new_key}
    return show(request, person, "api_keys", {**context, "address": request.build_absolute_uri("/v1")})


@require_POST
@members_only
def revoke(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect("account_login")
    person = ensure_person(request)
    try:
        key_id = UUID(request.POST.get("key", ""))
    except ValueError:
        raise AssistantError("request.unreadable") from None
    api_keys.revoke(key_id, by=person.id, of=person.id)
    messages.success(request, _("The key is revoked. Programs that use it are refused from now on."))
    return redirect("settings_api_keys")
