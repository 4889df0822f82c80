"""Appearance: how the pages look and behave, as webui/preferences.py has it."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from assistant.accounts import actions
from assistant.accounts.actions import ensure_person
from webui.preferences import preferences_of
from webui.settings.pages import saved, show


class AppearanceForm(forms.Form):
    theme = forms.ChoiceField(choices=[("system", _("System")), ("light", _("Light")), ("dark", _("Dark"))])
    contrast = forms.ChoiceField(choices=[("system", _("System")), ("more", _("More"))])
    follows_reply = forms.BooleanField(required=False)
    shows_suggestions = forms.BooleanField(required=False)
    has_shortcuts = forms.BooleanField(required=False)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def appearance(request: HttpRequest) -> HttpResponse:
    person = ensure_person(request)
    preferences = preferences_of(person)
    form = AppearanceForm(request.POST or None, initial=preferences.model_dump())
    if request.method == "POST" and form.is_valid():
        changed = preferences.model_copy(update=form.cleaned_data)
        actions.set_preferences(person.id, changed.model_dump(exclude_defaults=True))
        # settings_page.js sends each choice by itself; nobody would read the "Saved." of each.
        is_instant = request.headers.get("X-Requested-With") == "XMLHttpRequest"
        return HttpResponse(status=204) if is_instant else saved(request, "settings_appearance")
    return show(request, person, "appearance", {"form": form})
