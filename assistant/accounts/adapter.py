"""Where allauth asks us: signing in or up keeps what the guest at the same browser had."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from assistant.accounts.actions import adopt_guest
from assistant.accounts.models import Person


class AccountAdapter(DefaultAccountAdapter):
    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        before = request.user
        super().login(request, user)
        if isinstance(before, Person) and before.is_guest and isinstance(user, Person) and before.pk != user.pk:
            adopt_guest(before, user)
