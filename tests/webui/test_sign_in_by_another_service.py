"""Signing in by OpenID Connect, against a provider that really speaks it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from assistant.models import Person
from assistant.oidc import openid_connect_apps
from tests.conftest import ask
from tests.oidc_provider import OpenIDProvider
from tests.webui.members import browser_of, new_member, person_at, prove, sign_in, turn_on_totp

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, settings) -> Iterator[OpenIDProvider]:
    with OpenIDProvider() as provider:
        for name, value in provider.environment.items():
            monkeypatch.setenv(name, value)
        settings.SOCIALACCOUNT_PROVIDERS = {
            "openid_connect": {"APPS": openid_connect_apps(), "OAUTH_PKCE_ENABLED": True}
        }
        yield provider


def come_by(client: Client, process: str = "login"):
    """Press the button, be sent to the provider and back; returns the last answer."""
    [app] = openid_connect_apps()
    start = client.post(f"/accounts/oidc/{app['provider_id']}/login/?process={process}")
    assert start.status_code == 302
    back = urlsplit(httpx2.get(start["Location"]).headers["Location"])
    return client.get(f"{back.path}?{back.query}")


def guest_with_a_conversation() -> Client:
    client = Client()
    client.get("/")
    ask(person_at(client), "From the guest")
    return client


def titles(client: Client) -> list[str]:
    return [item["title"] for item in client.get("/api/conversations").json()["items"]]


def test_the_button_is_there_when_a_service_is_configured(provider: OpenIDProvider) -> None:
    for page in ("login", "signup"):
        assert "Continue with Harbour ID" in Client().get(f"/accounts/{page}/").content.decode()


def test_without_a_service_there_is_no_button_and_no_address(db: None) -> None:
    assert "Continue with" not in Client().get("/accounts/login/").content.decode()
    assert Client().get("/accounts/oidc/anything/login/").status_code == 404


def test_a_new_person_is_signed_up_with_the_name_and_address_of_the_service(provider: OpenIDProvider) -> None:
    provider.claims |= {"name": "Dora M.", "preferred_username": "guest-1"}
    client = Client()

    assert come_by(client)["Location"] == "/"

    person = person_at(client)
    assert (person.email, person.name, person.is_guest) == ("dora@example.org", "Dora M.", False)
    assert not person.username.startswith("guest-")
    assert EmailAddress.objects.get(user=person).verified


def test_the_same_person_comes_back_to_the_same_account(provider: OpenIDProvider) -> None:
    first, second = Client(), Client()
    come_by(first)
    provider.claims["email"] = "moved@example.org"

    come_by(second)

    assert person_at(first) == person_at(second)
    assert Person.objects.count() == 1


def test_a_guests_conversations_come_along_at_the_first_time_and_later(provider: OpenIDProvider) -> None:
    first, second = guest_with_a_conversation(), guest_with_a_conversation()

    come_by(first)
    come_by(second)

    assert titles(second) == ["From the guest", "From the guest"]
    assert not Person.objects.filter(is_guest=True).exists()


@pytest.mark.parametrize("is_verified", [True, False])
@pytest.mark.parametrize("is_confirmed_here", [True, False])
def test_an_address_never_opens_an_account_that_is_there(
    provider: OpenIDProvider, is_verified: bool, is_confirmed_here: bool
) -> None:
    member = new_member(confirmed=is_confirmed_here)
    provider.claims |= {"email": "Dora@example.org", "email_verified": is_verified}
    client = guest_with_a_conversation()

    answer = come_by(client)

    assert answer["Location"] == "/accounts/login/"
    assert "There is an account with this e-mail address already." in client.get("/accounts/login/").content.decode()
    assert person_at(client).is_guest
    assert titles(client) == ["From the guest"]
    assert not SocialAccount.objects.filter(user=member).exists()


def test_an_address_that_the_service_has_not_verified_is_not_confirmed_here(provider: OpenIDProvider) -> None:
    provider.claims["email_verified"] = False
    client = Client()

    come_by(client)

    assert not EmailAddress.objects.get(user=person_at(client)).verified


def test_without_an_address_one_is_asked_for(provider: OpenIDProvider) -> None:
    del provider.claims["email"]
    client = guest_with_a_conversation()

    answer = come_by(client)
    assert answer["Location"] == "/accounts/3rdparty/signup/"
    assert client.get(answer["Location"]).status_code == 200
    client.post(answer["Location"], {"email": "new@example.org"})

    assert person_at(client).email == "new@example.org"
    assert titles(client) == ["From the guest"]


def test_a_member_connects_the_service_and_signs_in_by_it(provider: OpenIDProvider) -> None:
    member = new_member()
    client = browser_of(member)
    prove(client)

    assert come_by(client, "connect").status_code == 302
    assert "Harbour ID" in client.get("/settings/security/").content.decode()
    other = Client()
    come_by(other)

    assert person_at(other) == member


def test_connecting_takes_the_password_once_more(provider: OpenIDProvider) -> None:
    client = browser_of(new_member())

    answer = come_by(client, "connect")

    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert not SocialAccount.objects.exists()


def test_a_guest_who_connects_is_signed_up_instead(provider: OpenIDProvider) -> None:
    client = guest_with_a_conversation()

    come_by(client, "connect")

    assert not person_at(client).is_guest
    assert titles(client) == ["From the guest"]


def test_disconnecting_leaves_no_way_in_by_the_service(provider: OpenIDProvider) -> None:
    member = new_member()
    client = browser_of(member)
    prove(client)
    come_by(client, "connect")
    [account] = SocialAccount.objects.all()

    answer = client.post("/accounts/3rdparty/", {"account": account.pk}, follow=True)

    assert answer.redirect_chain[-1][0] == "/settings/security/"
    assert not SocialAccount.objects.exists()


def test_the_only_way_in_cannot_be_disconnected(provider: OpenIDProvider) -> None:
    client = Client()
    come_by(client)
    [account] = SocialAccount.objects.all()

    page = client.post("/accounts/3rdparty/", {"account": account.pk})

    assert "no password" in page.content.decode()
    assert SocialAccount.objects.exists()


def test_charlie_disconnects_nothing_of_dora(provider: OpenIDProvider) -> None:
    come_by(Client())
    [account] = SocialAccount.objects.all()
    charlie = browser_of(new_member("charlie"))
    prove(charlie)

    charlie.post("/accounts/3rdparty/", {"account": account.pk})

    assert SocialAccount.objects.exists()


def test_who_declines_there_is_told_so_here_and_stays_a_guest(provider: OpenIDProvider) -> None:
    provider.refuses = True
    client = guest_with_a_conversation()

    answer = come_by(client)
    page = client.get(answer["Location"]) if answer.status_code == 302 else answer

    assert "Sign-in cancelled" in page.content.decode()
    assert titles(client) == ["From the guest"]


def test_an_answer_that_nobody_asked_for_signs_nobody_in(provider: OpenIDProvider) -> None:
    [app] = openid_connect_apps()
    client = Client()

    page = client.get(f"/accounts/oidc/{app['provider_id']}/login/callback/?code=stolen&state=made-up")

    assert page.status_code in (302, 401)
    assert person_at(client) is None


def test_the_second_step_is_asked_for_here_too(provider: OpenIDProvider) -> None:
    client = browser_of(new_member())
    turn_on_totp(client)
    come_by(client, "connect")
    other = guest_with_a_conversation()

    assert come_by(other)["Location"] == "/accounts/2fa/authenticate/"
    assert person_at(other).is_guest


def test_a_person_without_a_password_chooses_one(provider: OpenIDProvider) -> None:
    client = Client()
    come_by(client)
    assert "Choose a password" in client.get("/settings/security/").content.decode()

    client.post("/accounts/password/set/", {"password1": "calm-Harbour-43", "password2": "calm-Harbour-43"})

    assert sign_in(Client(), password="calm-Harbour-43")["Location"] == "/"
