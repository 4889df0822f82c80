"""How the pages look follows the person: kept on the server, merged, and never a reason for a page to fail."""

from __future__ import annotations

import pytest
from django.test import Client

from assistant.models import Person


@pytest.fixture
def client(alice: Person) -> Client:
    client = Client()
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")
    return client


def test_a_change_leaves_the_rest_as_it_was(client: Client) -> None:
    client.patch("/api/me/preferences", {"theme": "dark"}, "application/json")
    client.patch("/api/me/preferences", {"shortcuts": {"search": "Ctrl+J"}}, "application/json")

    kept = client.get("/api/me/preferences").json()
    assert (kept["theme"], kept["shortcuts"], kept["follows_reply"]) == ("dark", {"search": "Ctrl+J"}, True)


def test_the_page_is_sent_in_the_chosen_theme(client: Client) -> None:
    client.patch("/api/me/preferences", {"theme": "dark", "contrast": "more"}, "application/json")

    assert b'data-theme="dark" data-contrast="more"' in client.get("/").content


@pytest.mark.parametrize("change", [{"theme": "mauve"}, {"shortcuts": {"x": "y" * 41}}, {"has_shortcuts": "maybe"}])
def test_what_makes_no_sense_is_refused_and_changes_nothing(client: Client, change: dict[str, object]) -> None:
    answer = client.patch("/api/me/preferences", change, "application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "request.invalid")
    assert client.get("/api/me/preferences").json()["theme"] == "system"


def test_preferences_of_another_version_do_not_break_the_page(client: Client, alice: Person) -> None:
    Person.objects.filter(pk=alice.pk).update(preferences={"theme": "plaid", "wings": 2})

    assert b'data-theme="system"' in client.get("/").content
