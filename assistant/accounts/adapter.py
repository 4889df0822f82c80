"""Where allauth asks us: signing in or up keeps what the guest at the same browser had."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from assistant.accounts.actions import adopt_guest
from assistant.accounts.models import Person


class AccountAdapter(DefaultAccountAdapter):
    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        # Asked before signing in: request.user is lazy, and looked at later it would be the new person.
        guest = _guest_at(request)
        super().login(request, user)
        if guest and isinstance(user, Person) and guest.pk != user.pk:
            adopt_guest(guest, user)

    def logout(self, request: HttpRequest) -> None:
        # allauth signs out whoever opens another person's reset link. A guest can never sign in again and would lose
        # everything; who forgot a password is just that: a guest with a link.
        by_reset_link = request.resolver_match and request.resolver_match.url_name == "account_reset_password_from_key"
        if not (by_reset_link and _guest_at(request)):
            super().logout(request)


def _guest_at(request: HttpRequest) -> Person | None:
    return request.user if isinstance(request.user, Person) and request.user.is_guest else None
