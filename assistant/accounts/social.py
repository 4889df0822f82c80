"""Where allauth asks us about people who come by another service: guests keep what they have, and nobody gets into an
account because that service says the e-mail address is theirs."""

from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from assistant.accounts.adapter import guest_at
from assistant.accounts.models import Person


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        if guest_at(request):
            # Connected to a guest, the service would lead to somebody who may be signed up as another person later.
            sociallogin.state["process"] = "login"
        is_new = not sociallogin.is_existing and sociallogin.state.get("process") == "login"
        addresses = [address.email.lower() for address in sociallogin.email_addresses]
        if is_new and Person.objects.filter(email__in=addresses, is_active=True).exists():
            name = sociallogin.provider.name
            text = _(
                "There is an account with this e-mail address already. Sign in to it, then connect {name} "
                "under Settings, Security."
            )
            messages.error(request, text.format(name=name))
            raise ImmediateHttpResponse(redirect("account_login"))

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Person:
        person: Person = super().populate_user(request, sociallogin, data)
        person.username = person.first_name = person.last_name = ""  # the first is made up, one name is enough
        person.name = str(data.get("name") or "")[: Person._meta.get_field("name").max_length]
        return person
