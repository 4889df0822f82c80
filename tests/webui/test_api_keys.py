"""The page of one's API keys: made after proving oneself, shown once, revoked with a click."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from assistant.accounts import api_keys
from assistant.models import ApiKey, Person
from tests.webui.members import PASSWORD, browser_of, new_member, prove

pytestmark = pytest.mark.django_db

PAGE = "/settings/api-keys/"


@pytest.fixture
def dora() -> Person:
    return new_member()


@pytest.fixture
def client(dora: Person) -> Client:
    """Dora's browser, in which she has just given her password."""
    client = browser_of(dora)
    prove(client)
    return client


def shown_key(page: str) -> str:
    found = re.search(r'<code class="secret"[^>]*>([^<]+)</code>', page)
    assert found
    return found[1]


def test_a_new_key_is_shown_once_and_works(client: Client, dora: Person) -> None:
    answer = client.post(PAGE, {"name": "Notes <b>to</b> mail"})

    key = shown_key(answer.content.decode())
    assert api_keys.person_with(key) == dora
    assert "no-store" in answer["Cache-Control"]
    later = client.get(PAGE).content.decode()
    assert key not in later
    assert f"{key[:13]}…" in later
    assert "Notes &lt;b&gt;to&lt;/b&gt; mail" in later
    assert "http://testserver/v1" in later


def test_a_revoked_key_is_gone(client: Client) -> None:
    key = shown_key(client.post(PAGE, {"name": "Notes"}).content.decode())

    answer = client.post(f"{PAGE}revoke/", {"key": ApiKey.objects.get().id}, follow=True)

    assert "The key is revoked." in answer.content.decode()
    assert f"{key[:13]}…" not in answer.content.decode()
    assert api_keys.person_with(key) is None


def test_charlie_neither_sees_nor_revokes_a_key_of_dora(client: Client) -> None:
    key = shown_key(client.post(PAGE, {"name": "Notes"}).content.decode())
    other = browser_of(new_member("charlie"))

    page = other.get(PAGE).content.decode()
    answer = other.post(f"{PAGE}revoke/", {"key": ApiKey.objects.get().id})

    assert key[:13] not in page
    assert answer.status_code == 404
    assert api_keys.person_with(key) is not None


@pytest.mark.parametrize("key", ["", "x", "1"])
def test_what_names_no_key_revokes_none(client: Client, key: str) -> None:
    assert client.post(f"{PAGE}revoke/", {"key": key}).status_code == 400


def test_a_browser_left_alone_makes_no_key_before_the_password_is_given(dora: Person) -> None:
    client = browser_of(dora)

    answer = client.post(PAGE, {"name": "Notes"})

    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/accounts/reauthenticate/")
    assert not ApiKey.objects.exists()
    assert client.get(PAGE).status_code == 200
    proved = client.post(answer["Location"], {"password": PASSWORD, "next": PAGE})
    assert api_keys.person_with(shown_key(proved.content.decode())) == dora


def test_what_is_wrong_stands_beside_the_field(client: Client, dora: Person) -> None:
    assert "errorlist" in client.post(PAGE, {"name": " "}).content.decode()
    for number in range(api_keys.MAX_KEYS):
        api_keys.create(dora.id, str(number), by=dora.id)

    page = client.post(PAGE, {"name": "One more"}).content.decode()

    assert "You have 20 API keys, the most there can be. Revoke one first." in page


def test_a_guest_is_led_to_the_sign_up_and_sees_no_such_section() -> None:
    guest = Client()
    guest.get("/")

    assert guest.get(PAGE)["Location"] == guest.post(PAGE, {"name": "x"})["Location"] == "/accounts/signup/"
    assert PAGE not in guest.get("/settings/").content.decode()
