"""Where allauth asks us: signing in or up keeps what the guest at the same browser had."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.urls import reverse

from assistant.accounts.actions import adopt_guest
from assistant.accounts.models import Person


class AccountAdapter(DefaultAccountAdapter):
    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        # Asked before signing in: request.user is lazy, and looked at later it would be the new person.
        guest = guest_at(request)
        super().login(request, user)
        if guest and isinstance(user, Person) and guest.pk != user.pk:
            # The browser keeps drafts by person; its next page is told whose come along.
            request.session["guest_id"] = str(guest.pk)
            adopt_guest(guest, user)

    def logout(self, request: HttpRequest) -> None:
        # allauth signs out whoever opens another person's reset link, or comes back from another service. A guest can
        # never sign in again and would lose everything, so a guest leaves by the button alone.
        by_button = request.resolver_match and request.resolver_match.url_name == "account_logout"
        if by_button or not guest_at(request):
            super().logout(request)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("settings_security")

    def render_mail(
        self,
        template_prefix: str,
        email: str | list[str],
        context: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> EmailMessage:
        # allauth would greet in the name of the host, for example 127.0.0.1:8000.
        host = context["request"].get_host() if context.get("request") else ""
        site = SimpleNamespace(name="Parley", domain=host)
        message: EmailMessage = super().render_mail(template_prefix, email, {**context, "current_site": site}, headers)
        return message


def guest_at(request: HttpRequest) -> Person | None:
    """The guest at this browser, also while a view sees nobody there (webui/accounts.py)."""
    if guest := getattr(request, "guest", None):
        assert isinstance(guest, Person)
        return guest
    return request.user if isinstance(request.user, Person) and request.user.is_guest else None
