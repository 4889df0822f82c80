"""Where a person is signed in can be seen, and ended."""

from __future__ import annotations

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from assistant.accounts.device_names import name_of_device
from assistant.models import Person
from tests.webui.members import PASSWORD, browser_of, new_member, person_at

pytestmark = pytest.mark.django_db

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile Safari/604.1"


@pytest.fixture
def member() -> Person:
    return new_member()


@pytest.fixture
def client(member: Person) -> Client:
    return browser_of(member)


def test_each_device_is_listed_and_this_one_marked(member: Person, client: Client) -> None:
    browser_of(member, PHONE)

    page = client.get("/settings/security/").content.decode()

    assert page.index("Firefox, Linux") < page.index("this device") < page.index("Safari, iPhone")
    assert "127.0.0.1" in page


def test_one_device_is_signed_out(member: Person, client: Client) -> None:
    phone = browser_of(member, PHONE)
    [session] = UserSession.objects.filter(user_agent=PHONE)

    client.post("/settings/security/devices/", {"device": session.pk})

    assert person_at(phone) is None
    assert phone.get("/api/conversations").status_code == 401
    assert person_at(client) == member


def test_all_other_devices_are_signed_out(member: Person, client: Client) -> None:
    others = [browser_of(member, PHONE), browser_of(member)]

    client.post("/settings/security/devices/")

    assert [other.get("/api/conversations").status_code for other in others] == [401, 401]
    assert client.get("/settings/security/").status_code == 200


@pytest.mark.parametrize("device", ["7777", "x", "-1", "9" * 40])
def test_a_device_that_is_not_there_is_not_found(client: Client, device: str) -> None:
    assert client.post("/settings/security/devices/", {"device": device}).status_code == 404


def test_a_new_password_signs_all_other_devices_out(member: Person, client: Client) -> None:
    phone = browser_of(member, PHONE)

    answer = client.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": "calm-Harbour-43", "password2": "calm-Harbour-43"},
    )

    assert answer["Location"] == "/settings/security/"
    assert phone.get("/api/conversations").status_code == 401
    assert "Safari, iPhone" not in client.get("/settings/security/").content.decode()


def test_last_seen_is_noted_now_and_then_rather_than_at_each_request(
    client: Client, django_assert_max_num_queries
) -> None:
    client.get("/api/me/preferences")

    with django_assert_max_num_queries(2):  # the session and the person
        client.get("/api/me/preferences")


def test_a_guest_leaves_no_list_behind() -> None:
    Client().get("/")
    guest = Client()
    guest.get("/")
    guest.get("/")

    assert not UserSession.objects.exists()


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/140.0.0.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Version/18 Safari/605", "Safari, Mac"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome, Android"),
        ("<script>alert(1)</script>", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_called_what_people_call_it(user_agent: str, name: str) -> None:
    assert name_of_device(user_agent) == name
