"""Profile: what a person is called and where mail reaches them."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from allauth.decorators import rate_limit
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from assistant.accounts import actions, emails
from assistant.accounts.actions import ensure_person
from assistant.accounts.models import Person
from assistant.errors import AssistantError
from webui.accounts import members_only
from webui.settings.pages import saved, show


class NameForm(forms.Form):
    name = forms.CharField(
        max_length=150,
        required=False,
        widget=forms.TextInput({"class": "input", "autocomplete": "name"}),
    )


class EmailForm(forms.Form):
    email = forms.EmailField(widget=forms.EmailInput({"class": "input", "autocomplete": "email"}))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def profile(request: HttpRequest) -> HttpResponse:
    person = ensure_person(request)
    form = NameForm(request.POST or None, initial={"name": person.name})
    if request.method == "POST" and form.is_valid():
        actions.rename(person.id, form.cleaned_data["name"])
        return saved(request, "settings")
    return _show(request, person, form, EmailForm())


@require_POST
@members_only
@rate_limit(action="manage_email")
@reauthentication_required(app="allauth.account")
def change_email(request: HttpRequest) -> HttpResponse:
    """Write to the new address, or to the present one if it is not confirmed yet. Changing is the link's work."""
    person = ensure_person(request)
    form = EmailForm(request.POST)
    if not form.is_valid():
        return _show(request, person, NameForm(initial={"name": person.name}), form)
    email = form.cleaned_data["email"].lower()
    key = emails.confirmation_key(person, email)
    # One that is taken is answered alike: whose addresses are known here is nobody's business.
    if not emails.is_taken(person, email):
        link = request.build_absolute_uri(reverse("settings_confirm_email", args=[key]))
        emails.send_confirmation(person, email, link)
    text = _("We have written to {email}. Open the link in that message to confirm the address.")
    messages.info(request, text.format(email=email))
    return redirect("settings")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def confirm_email(request: HttpRequest, key: str) -> HttpResponse:
    """The mailed link. Programs that look into mail open links, so it takes a button to confirm."""
    try:
        if request.method == "POST":
            emails.confirm(key)
            messages.success(request, _("Your e-mail address is confirmed."))
            return redirect("settings")
        _person, email = emails.address_of(key)
    except AssistantError as error:
        return render(request, "webui/error.html", {"error": error}, status=error.status)
    return render(request, "account/email_confirm.html", {"email": email})


def _show(request: HttpRequest, person: Person, name_form: NameForm, email_form: EmailForm) -> HttpResponse:
    context = {
        "name_form": name_form,
        "email_form": email_form,
        "is_email_confirmed": emails.is_confirmed(person),
        "mail_reaches_people": settings.MAIL_REACHES_PEOPLE,
    }
    return show(request, person, "profile", context)
