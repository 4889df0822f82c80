"""The webhooks of a site, for administrators: which there are, what they were told, and once more by hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from assistant.accounts.models import Person
from assistant.desk import webhooks
from assistant.desk.access import sites_of
from assistant.desk.models import Delivery, Site, Webhook
from assistant.desk.outward import checked_url
from assistant.errors import AssistantError
from webui.learning.pages import done
from webui.workbench import admin_of, show

TAB = "sites"


class WebhookForm(forms.Form):
    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=500,
        widget=forms.URLInput({"class": "input", "placeholder": "https://"}),
    )
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Events"),
        required=False,
        choices=[(name, name) for name in webhooks.EVENTS],
        widget=forms.CheckboxSelectMultiple,
    )
    is_enabled = forms.BooleanField(label=gettext_lazy("In use"), required=False, initial=True)

    def clean_url(self) -> str:
        try:
            return checked_url(self.cleaned_data["url"])
        except AssistantError as problem:
            raise forms.ValidationError(problem.message) from None


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def listed(request: HttpRequest, site_id: UUID) -> HttpResponse:
    """The list and a form; sent, it shows the new webhook with its secret, once."""
    person, site = _admin_and_site(request, site_id)
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        hook, secret = webhooks.create(site, form.cleaned_data["url"], form.cleaned_data["events"], by=person.id)
        return _page(request, hook, secret=secret)
    context = {"site": site, "form": form, "hooks": site.webhooks.order_by("-id")}
    return show(request, TAB, "webui/webhooks/list.html", context, 400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def one(request: HttpRequest, site_id: UUID, webhook_id: UUID) -> HttpResponse:
    person, hook = _admin_and_webhook(request, site_id, webhook_id)
    if request.method != "POST":
        return _page(request, hook)
    form = WebhookForm(request.POST)
    if not form.is_valid():
        return _page(request, hook, form=form)
    told = form.cleaned_data
    return done(
        request,
        lambda: webhooks.update(hook, told["url"], told["events"], told["is_enabled"], by=person.id),
        _("Saved."),
        "webhook",
        str(site_id),
        str(webhook_id),
    )


@require_POST
@never_cache
def rotate(request: HttpRequest, site_id: UUID, webhook_id: UUID) -> HttpResponse:
    person, hook = _admin_and_webhook(request, site_id, webhook_id)
    return _page(request, hook, secret=webhooks.rotate(hook, by=person.id))


@require_POST
def remove(request: HttpRequest, site_id: UUID, webhook_id: UUID) -> HttpResponse:
    person, hook = _admin_and_webhook(request, site_id, webhook_id)
    webhooks.remove(hook, by=person.id)
    return redirect("webhooks", site_id)


@require_POST
def replay(request: HttpRequest, site_id: UUID, webhook_id: UUID) -> HttpResponse:
    person, hook = _admin_and_webhook(request, site_id, webhook_id)
    try:
        delivery_id = UUID(request.POST.get("delivery", ""))
    except ValueError:
        raise AssistantError("delivery.not_found") from None
    work = lambda: webhooks.replay(hook, delivery_id, by=person.id)  # noqa: E731
    return done(request, work, _("It is sent again."), "webhook", str(site_id), str(webhook_id))


def _page(request: HttpRequest, hook: Webhook, *, secret: str = "", form: WebhookForm | None = None) -> HttpResponse:
    present = {"url": hook.url, "events": hook.events, "is_enabled": hook.is_enabled}
    state = request.GET.get("state", "")
    context: dict[str, Any] = {
        "site": hook.site,
        "hook": hook,
        "secret": secret,
        "form": form or WebhookForm(initial=present),
        "state": state,
        "states": Delivery.State.values,
        "page": webhooks.deliveries_of(hook, state, request.GET.get("cursor")),
    }
    return show(request, TAB, "webui/webhooks/webhook.html", context, 400 if form else 200)


def _admin_and_site(request: HttpRequest, site_id: UUID) -> tuple[Person, Site]:
    person = admin_of(request)
    site = sites_of(person).filter(pk=site_id).first()
    if site is None:
        raise AssistantError("desk.site_not_found")
    return person, site


def _admin_and_webhook(request: HttpRequest, site_id: UUID, webhook_id: UUID) -> tuple[Person, Webhook]:
    return admin_of(request), webhooks.webhook_of(site_id, webhook_id)
