"""People with accounts at their browsers, as the tests of account and settings pages need them."""

from __future__ import annotations

import re

from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.test import Client

from assistant.models import Person

PASSWORD = "quiet-Harbour-42"


def new_member(name: str = "dora", *, confirmed: bool = True) -> Person:
    person = Person.objects.create_user(name, f"{name}@example.org", PASSWORD)
    EmailAddress.objects.create(user=person, email=person.email, primary=True, verified=confirmed)
    return person


def sign_in(client: Client, email: str = "dora@example.org", password: str = PASSWORD):
    return client.post("/accounts/login/", {"login": email, "password": password})


def browser_of(person: Person, user_agent: str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0") -> Client:
    client = Client(headers={"User-Agent": user_agent})
    assert sign_in(client, person.email).status_code == 302
    return client


def prove(client: Client, password: str = PASSWORD) -> None:
    """Give the password once more, as the pages ask before sensitive changes."""
    assert client.post("/accounts/reauthenticate/", {"password": password}).status_code == 302


def person_at(client: Client) -> Person | None:
    return Person.objects.filter(pk=client.session.get("_auth_user_id")).first()


def code_for(secret: str) -> str:
    """What the authenticator app shows now."""
    now = list(yield_hotp_counters_from_time())
    return format_hotp_value(hotp_value(secret, now[len(now) // 2]))


def turn_on_totp(client: Client) -> str:
    """Set up an authenticator app; returns its secret."""
    prove(client)
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    found = re.search(r'id="secret" value="([A-Z2-7]+)"', page)
    assert found
    assert client.post("/accounts/2fa/totp/activate/", {"code": code_for(found[1])}).status_code == 302
    return found[1]
