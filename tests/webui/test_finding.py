"""The JSON of search, folders and reading, as the page meets it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.test import Client

from assistant.chat.actions import Accepted
from assistant.models import Conversation, Person
from tests.assistant.rows import finish
from tests.conftest import ask


@pytest.fixture
def client(alice: Person) -> Client:
    """Alice's browser."""
    client = Client()
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")
    return client


def test_a_result_has_all_that_the_dialog_shows(client: Client, asked: Accepted) -> None:
    page = client.get("/api/search", {"q": "hel"}).json()

    written_at = page["items"][0].pop("written_at")
    assert page["items"][0] == {
        "conversation_id": str(asked.conversation_id),
        "title": "Hello",
        "is_archived": False,
        "folder_name": None,
        "message_id": str(asked.message_id),
        "snippet": [{"text": "Hel", "is_match": True}, {"text": "lo", "is_match": False}],
    }
    assert written_at.endswith("Z")
    assert [item["message_id"] for item in page["items"]] == [str(asked.message_id), None]
    assert page["next_cursor"] is None


def test_the_next_page_begins_where_the_last_one_ended(client: Client, alice: Person) -> None:
    for number in range(3):
        ask(alice, f"Tide {number}")

    first = client.get("/api/search", {"q": "tide", "limit": 4}).json()
    second = client.get("/api/search", {"q": "tide", "limit": 4, "cursor": first["next_cursor"]}).json()

    texts = ["".join(part["text"] for part in item["snippet"]) for item in first["items"] + second["items"]]
    assert texts == ["Tide 2", "Tide 2", "Tide 1", "Tide 1", "Tide 0", "Tide 0"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"q": " "}, "search.empty"),
        ({"q": "x" * 201}, "search.too_long"),
        ({"q": "x", "cursor": "nowhere"}, "page.invalid_cursor"),
        ({}, "request.invalid"),
        ({"q": "x", "limit": 51}, "request.invalid"),
    ],
)
def test_a_search_that_cannot_be_made_says_why(client: Client, query: dict[str, object], code: str) -> None:
    answer = client.get("/api/search", query)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["message"]


def test_the_life_of_a_folder(client: Client, asked: Accepted) -> None:
    made = client.post("/api/folders", {"name": "Travel"}, "application/json")
    assert made.status_code == 201
    address = f"/api/folders/{made.json()['id']}"
    assert client.post("/api/folders", {"name": "Travel"}, "application/json").json()["code"] == "folder.exists"

    place = f"/api/conversations/{asked.conversation_id}/folder"
    assert client.put(place, {"folder_id": made.json()["id"]}, "application/json").status_code == 204
    assert client.patch(address, {"name": "Trips"}, "application/json").status_code == 204
    [folder] = client.get("/api/folders").json()["items"]
    assert (folder["name"], folder["count"], folder["unread_count"]) == ("Trips", 1, 0)
    assert [item["id"] for item in folder["conversations"]["items"]] == [str(asked.conversation_id)]
    assert client.get("/api/conversations", {"folder": "none"}).json()["items"] == []
    assert len(client.get("/api/conversations", {"folder": folder["id"]}).json()["items"]) == 1

    assert client.delete(address).status_code == 204
    [item] = client.get("/api/conversations", {"folder": "none"}).json()["items"]
    assert item["folder_id"] is None


@pytest.mark.parametrize("body", [{}, {"folder_id": "x"}])
def test_a_place_must_be_named(client: Client, asked: Accepted, body: dict[str, str]) -> None:
    answer = client.put(f"/api/conversations/{asked.conversation_id}/folder", body, "application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "request.invalid")


def test_a_list_of_a_folder_that_is_not_there_is_not_found(client: Client) -> None:
    answer = client.get("/api/conversations", {"folder": str(uuid4())})

    assert (answer.status_code, answer.json()["code"]) == (404, "folder.not_found")


def test_reading_ends_the_mark(client: Client, asked: Accepted) -> None:
    finish(asked, "Hi")
    Conversation.objects.update(answered_at=Now())
    page = client.get("/api/conversations").json()
    assert (page["unread_count"], page["items"][0]["is_unread"]) == (1, True)
    assert client.get(f"/api/conversations/{asked.conversation_id}/messages").json()["conversation"]["is_unread"]

    assert client.put(f"/api/conversations/{asked.conversation_id}/read").status_code == 204

    page = client.get("/api/conversations").json()
    assert (page["unread_count"], page["items"][0]["is_unread"]) == (0, False)


def test_folders_can_be_read_without_javascript(client: Client, asked: Accepted) -> None:
    made = client.post("/api/folders", {"name": "<b>Travel</b>"}, "application/json").json()
    client.put(f"/api/conversations/{asked.conversation_id}/folder", {"folder_id": made["id"]}, "application/json")

    html = client.get("/").content.decode()

    assert "<span>&lt;b&gt;Travel&lt;/b&gt;</span></summary>" in html
    assert f'<a href="/c/{asked.conversation_id}/">Hello</a>' in html
