"""The settings pages: everybody's own, guests' too, and without JavaScript."""

from __future__ import annotations

import pytest
from channels.db import database_sync_to_async
from django.test import Client

from assistant.models import Person
from tests.webui.members import browser_of, new_member, person_at, sign_in
from tests.webui.sockets import connect

pytestmark = pytest.mark.django_db

SECTIONS = ["", "appearance/", "privacy/", "delete/"]


@pytest.fixture
def guest() -> Client:
    client = Client()
    assert client.get("/").status_code == 200
    return client


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("role", Person.Role.values)
def test_every_role_sees_the_same_pages(section: str, role: str) -> None:
    member = new_member()
    Person.objects.filter(pk=member.pk).update(role=role)

    for path in (section, "security/"):
        assert browser_of(member).get(f"/settings/{path}").status_code == 200


@pytest.mark.parametrize("section", SECTIONS)
def test_a_guest_has_settings_too(guest: Client, section: str) -> None:
    page = guest.get(f"/settings/{section}")

    assert page.status_code == 200
    assert "/settings/security/" not in page.content.decode()


def test_a_guest_who_looks_for_security_is_led_to_the_sign_up(guest: Client) -> None:
    assert guest.get("/settings/security/")["Location"] == "/accounts/signup/"


def test_nobody_is_asked_to_sign_in_before_security() -> None:
    assert Client().get("/settings/security/")["Location"] == "/accounts/login/"


def test_the_name_is_kept_and_shown_in_the_sidebar() -> None:
    client = browser_of(new_member())

    assert client.post("/settings/", {"name": "  Dora   <b>M</b>. "})["Location"] == "/settings/"

    assert person_at(client).name == "Dora <b>M</b>."
    assert "Dora &lt;b&gt;M&lt;/b&gt;." in client.get("/").content.decode()


def test_a_name_that_is_too_long_is_refused_beside_its_field() -> None:
    page = browser_of(new_member()).post("/settings/", {"name": "x" * 151})

    assert page.status_code == 200
    assert page.context["name_form"].errors["name"]
    assert 'aria-invalid="true"' in page.content.decode()


def test_a_theme_is_kept_without_javascript_and_leaves_other_choices_alone() -> None:
    member = new_member()
    client = browser_of(member)
    client.patch("/api/me/preferences", {"shortcuts": {"search": "Ctrl+J"}}, "application/json")

    client.post("/settings/appearance/", {"theme": "dark", "contrast": "more", "follows_reply": "on"})

    member.refresh_from_db()
    assert member.preferences == {
        "theme": "dark",
        "contrast": "more",
        "shows_suggestions": False,
        "has_shortcuts": False,
        "shortcuts": {"search": "Ctrl+J"},
    }
    assert b'data-theme="dark" data-contrast="more"' in client.get("/settings/appearance/").content


def test_a_theme_that_does_not_exist_changes_nothing() -> None:
    client = browser_of(new_member())

    assert client.post("/settings/appearance/", {"theme": "mauve", "contrast": "more"}).status_code == 200
    assert person_at(client).preferences == {}


def test_a_guests_theme_and_name_move_along_into_the_account(guest: Client) -> None:
    guest.post("/settings/appearance/", {"theme": "dark", "contrast": "system"})
    guest.post("/settings/", {"name": "Dora"})

    guest.post("/accounts/signup/", {"email": "new@example.org", "password1": "quiet-Harbour-42"})

    assert b'data-theme="dark"' in guest.get("/").content
    assert (person_at(guest).name, person_at(guest).is_guest) == ("Dora", False)


def test_a_guests_theme_does_not_replace_that_of_the_account(guest: Client) -> None:
    member = new_member()
    browser_of(member).post("/settings/appearance/", {"theme": "light", "contrast": "system"})
    guest.post("/settings/appearance/", {"theme": "dark", "contrast": "system"})

    sign_in(guest)

    assert b'data-theme="light"' in guest.get("/").content


# Language


def test_the_chosen_language_is_spoken_everywhere_and_signed_out_too() -> None:
    client = Client(headers={"Accept-Language": "en"})

    answer = client.post("/settings/language/", {"language": "zh-hans", "next": "/accounts/login/"})

    assert answer["Location"] == "/accounts/login/"
    for path in ("/accounts/login/", "/", "/settings/"):
        assert '<html lang="zh-hans"' in client.get(path).content.decode()


def test_system_follows_the_browser_again() -> None:
    client = Client(headers={"Accept-Language": "en"})
    client.post("/settings/language/", {"language": "zh-hans"})

    client.post("/settings/language/", {"language": ""})

    page = client.get("/accounts/login/").content.decode()
    assert '<html lang="en"' in page
    assert 'value="" aria-pressed="true"' in page


@pytest.mark.parametrize("elsewhere", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", ""])
def test_choosing_a_language_leads_to_no_other_site(elsewhere: str) -> None:
    answer = Client().post("/settings/language/", {"language": "en", "next": elsewhere})

    assert answer["Location"] == "/"


@pytest.mark.django_db(transaction=True)
async def test_the_socket_speaks_the_chosen_language() -> None:
    def choose() -> str:
        client = browser_of(new_member())
        client.post("/settings/language/", {"language": "zh-hans"})
        return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())

    socket = await connect(await database_sync_to_async(choose)())
    await socket.send("generation.stop", generation_id="0193a000-0000-7000-8000-000000000001")

    assert (await socket.receive())["message"] == "这个回答不存在。"
    await socket.close()
