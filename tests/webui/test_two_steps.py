"""The second step: an authenticator app and recovery codes, also for who comes as a guest."""

from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client

from assistant.models import Person
from tests.conftest import ask
from tests.webui.members import browser_of, code_for, new_member, person_at, prove, sign_in, turn_on_totp

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> Person:
    return new_member()


@pytest.fixture
def secret(member: Person) -> str:
    secret = turn_on_totp(browser_of(member))
    cache.clear()
    return secret


def second_step(client: Client, code: str):
    return client.post("/accounts/2fa/authenticate/", {"code": code})


def recovery_codes(member: Person) -> list[str]:
    codes: list[str] = Authenticator.objects.get(user=member, type="recovery_codes").wrap().get_unused_codes()
    return codes


def test_the_password_alone_no_longer_signs_in(member: Person, secret: str) -> None:
    client = Client()

    answer = sign_in(client)

    assert answer["Location"] == "/accounts/2fa/authenticate/"
    assert person_at(client) is None
    assert client.get(answer["Location"]).status_code == 200
    assert second_step(client, "000000").status_code == 200
    assert person_at(client) is None
    assert second_step(client, code_for(secret))["Location"] == "/"
    assert person_at(client) == member


def test_a_guest_passes_the_second_step_and_keeps_everything(member: Person, secret: str) -> None:
    client = Client()
    client.get("/")
    guest = person_at(client)
    assert guest
    ask(guest, "From the guest")

    assert sign_in(client)["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/accounts/2fa/authenticate/").status_code == 200
    assert person_at(client) == guest
    second_step(client, code_for(secret))

    assert person_at(client) == member
    assert [item["title"] for item in client.get("/api/conversations").json()["items"]] == ["From the guest"]
    assert not Person.objects.filter(is_guest=True).exists()


def test_a_recovery_code_signs_in_once(member: Person, secret: str) -> None:
    code = recovery_codes(member)[0]

    first, second = Client(), Client()
    sign_in(first)
    second_step(first, code)
    sign_in(second)
    second_step(second, code)

    assert person_at(first) == member
    assert person_at(second) is None
    assert len(recovery_codes(member)) == 9


def test_recovery_codes_are_shown_after_the_password_alone(member: Person, secret: str) -> None:
    client = Client()
    sign_in(client)
    second_step(client, code_for(secret))
    code = recovery_codes(member)[0]

    assert code not in client.get("/accounts/2fa/recovery-codes/", follow=True).content.decode()
    prove(client)
    assert code in client.get("/accounts/2fa/recovery-codes/").content.decode()
    download = client.get("/accounts/2fa/recovery-codes/download/")
    assert code in download.content.decode()


def test_new_recovery_codes_replace_the_old_ones(member: Person) -> None:
    client = browser_of(member)
    turn_on_totp(client)
    old = recovery_codes(member)

    client.post("/accounts/2fa/recovery-codes/generate/")

    assert not set(old) & set(recovery_codes(member))


@pytest.mark.parametrize("path", ["totp/activate/", "recovery-codes/generate/", "passkeys/add/"])
def test_sensitive_pages_ask_for_the_password_once_more(member: Person, path: str) -> None:
    answer = browser_of(member).get(f"/accounts/2fa/{path}")

    assert answer["Location"].startswith("/accounts/reauthenticate/")


def test_turning_it_off_asks_once_more_and_removes_the_codes(member: Person) -> None:
    client = browser_of(member)
    turn_on_totp(client)
    assert "Turn off" in client.get("/settings/security/").content.decode()

    client.post("/accounts/2fa/totp/deactivate/")

    assert not Authenticator.objects.filter(user=member).exists()
    assert sign_in(Client())["Location"] == "/"


def test_the_picture_is_drawn_without_markup_from_elsewhere(member: Person) -> None:
    client = browser_of(member)
    prove(client)

    page = client.get("/accounts/2fa/totp/activate/").content.decode()

    assert re.search(
        r'<svg class="qr-code" viewBox="0 0 (\d+) \1" role="img" aria-label="[^"]+"><path d="M4 4h1v1', page
    )
    assert "data:" not in page
    assert " style=" not in page


def test_where_mail_goes_out_the_address_comes_first(member: Person, settings) -> None:
    settings.MFA_ALLOW_UNVERIFIED_EMAIL = False
    EmailAddress.objects.update(verified=False)
    client = browser_of(member)
    prove(client)

    page = client.get("/accounts/2fa/totp/activate/", follow=True)

    assert page.redirect_chain[-1][0] == "/settings/security/"
    assert "confirm your e-mail address" in page.content.decode()


def test_a_guest_is_led_to_the_sign_up(db: None) -> None:
    client = Client()
    client.get("/")

    for path in ("totp/activate/", "passkeys/add/", "recovery-codes/"):
        assert client.get(f"/accounts/2fa/{path}")["Location"] == "/accounts/signup/"
