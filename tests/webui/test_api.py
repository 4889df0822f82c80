"""The JSON that the page reads over HTTP: pages of lists, branches, and the one shape of every error."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.chat import actions
from assistant.chat.actions import Accepted
from assistant.models import Conversation, Feedback, Generation, Person
from tests.assistant.rows import finish
from tests.conftest import ask

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def client(alice: Person) -> Client:
    """Alice's browser."""
    client = Client()
    client.force_login(alice, BACKEND)
    return client


def turn(person: Person, text: str, after: Accepted | None = None) -> Accepted:
    """A message with its finished reply, which says the text again."""
    accepted = ask(
        person,
        text,
        conversation_id=after.conversation_id if after else None,
        parent_id=after.reply_id if after else None,
    )
    finish(accepted, f"re: {text}")
    return accepted


def put(client: Client, path: str, body: Any) -> HttpResponse:
    return client.put(path, body, "application/json")


def is_error(answer: HttpResponse, status: int, code: str) -> bool:
    body = answer.json()
    assert body.keys() == {"code", "message", "retryable"}
    assert body["message"]
    return (answer.status_code, body["code"]) == (status, code)


# Lists


def all_pages(client: Client, limit: int) -> Iterator[list[str]]:
    query: dict[str, Any] = {"limit": limit}
    while True:
        page = client.get("/api/conversations", query).json()
        yield [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return
        query["cursor"] = page["next_cursor"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 5))
def test_the_pages_of_the_list_hold_each_conversation_once_newest_first(
    alice: Person, client: Client, ages: list[int], limit: int
) -> None:
    """Several conversations may have changed in the same instant."""
    Conversation.objects.all().delete()
    now = datetime(2026, 5, 1, tzinfo=UTC)
    for age in ages:
        row = Conversation.objects.create(owner=alice)
        Conversation.objects.filter(pk=row.pk).update(updated_at=now - timedelta(microseconds=age))

    pages = list(all_pages(client, limit))

    expected = Conversation.objects.order_by("-updated_at", "-id").values_list("id", flat=True)
    assert [UUID(id_) for page in pages for id_ in page] == list(expected)
    assert all(len(page) == limit for page in pages[:-1])


def test_a_conversation_in_the_list_says_whether_it_is_being_answered(alice: Person, client: Client) -> None:
    turn(alice, "Old")
    ask(alice, "New")

    items = client.get("/api/conversations").json()["items"]

    assert [(item["title"], item["is_answering"]) for item in items] == [("New", True), ("Old", False)]
    assert items[0].keys() == {
        *("id", "title", "updated_at", "folder_id"),
        *("is_answering", "is_unread", "is_pinned", "is_archived"),
    }


@pytest.mark.parametrize("cursor", ["x", "_", "2026-05-01T00:00:00+00:00_x", f"yesterday_{UUID(int=1)}"])
def test_a_cursor_nobody_gave_out_is_refused(client: Client, cursor: str) -> None:
    assert is_error(client.get("/api/conversations", {"cursor": cursor}), 400, "page.invalid_cursor")


@pytest.mark.parametrize("limit", ["0", "-1", "201", "many", "1e3", ""])
@pytest.mark.parametrize("path", ["/api/conversations", "/api/conversations/{}/messages"])
def test_a_page_is_neither_empty_nor_endless(client: Client, asked: Accepted, path: str, limit: str) -> None:
    answer = client.get(path.format(asked.conversation_id), {"limit": limit})

    assert is_error(answer, 400, "request.invalid")
    assert "limit" in answer.json()["message"]


# The visible path


def messages(client: Client, accepted: Accepted, **query: Any) -> dict[str, Any]:
    page: dict[str, Any] = client.get(f"/api/conversations/{accepted.conversation_id}/messages", query).json()
    return page


def texts(page: dict[str, Any]) -> list[str]:
    return [item["text"] for item in page["items"]]


def test_a_message_has_all_that_the_page_shows(alice: Person, client: Client) -> None:
    accepted = turn(alice, "Hello")

    page = messages(client, accepted)

    assert page["conversation"] == {
        "id": str(accepted.conversation_id),
        "title": "Hello",
        "head_id": str(accepted.reply_id),
        "is_temporary": False,
        "is_pinned": False,
        "is_archived": False,
        "folder_id": None,
        "model_choice": "",
        "training_use": "not_consented",
        "is_unread": False,
    }
    question, answer = page["items"]
    assert (question["role"], question["text"], question["parent_id"]) == ("user", "Hello", None)
    assert question["client_message_id"] == str(accepted.client_message_id)
    assert question["generation"] is None
    assert (answer["role"], answer["text"], answer["parent_id"]) == ("assistant", "re: Hello", question["id"])
    assert answer["generation"] == {
        "id": str(accepted.generation_id),
        "state": "completed",
        "finish_reason": "stop",
        "dropped_messages": 0,
        "text_sha256": answer["generation"]["text_sha256"],
        "error": None,
        "knowledge": "",
        "sources": [],
    }
    assert (answer["feedback"], answer["edited_at"], answer["sibling_ids"]) == (None, None, [answer["id"]])


def test_a_reply_being_written_is_there_to_be_followed(client: Client, asked: Accepted) -> None:
    answer = messages(client, asked)["items"][-1]

    assert (answer["text"], answer["generation"]["state"]) == ("", "queued")


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 200])
def test_older_pages_of_a_conversation_join_without_a_seam(alice: Person, client: Client, limit: int) -> None:
    accepted = None
    for number in range(4):
        accepted = turn(alice, str(number), accepted)
    assert accepted

    joined: list[str] = []
    leaf = str(accepted.reply_id)
    while leaf is not None:
        page = messages(client, accepted, leaf_id=leaf, limit=limit)
        assert 1 <= len(page["items"]) <= limit
        joined = texts(page) + joined
        leaf = page["next_leaf_id"]

    assert joined == [text for number in range(4) for text in (str(number), f"re: {number}")]


def test_the_path_ends_at_the_head_unless_a_leaf_is_named(alice: Person, client: Client) -> None:
    first = turn(alice, "First")
    left = turn(alice, "Left", first)
    turn(alice, "Right", first)

    assert texts(messages(client, first)) == ["First", "re: First", "Right", "re: Right"]
    assert texts(messages(client, first, leaf_id=left.reply_id)) == ["First", "re: First", "Left", "re: Left"]


def test_an_empty_conversation_has_an_empty_path(alice: Person, client: Client) -> None:
    empty = Conversation.objects.create(owner=alice)

    page = client.get(f"/api/conversations/{empty.id}/messages").json()

    assert (page["items"], page["next_leaf_id"], page["conversation"]["head_id"]) == ([], None, None)


@pytest.mark.parametrize("leaf", ["x", ""])
def test_a_leaf_that_is_no_id_is_refused(client: Client, asked: Accepted, leaf: str) -> None:
    answer = client.get(f"/api/conversations/{asked.conversation_id}/messages", {"leaf_id": leaf})

    assert is_error(answer, 400, "request.invalid")


# Branches


def test_looking_at_a_branch_goes_down_to_its_newest_leaf(alice: Person, client: Client) -> None:
    first = turn(alice, "First")
    left = turn(alice, "Left", first)
    turn(alice, "Left below", left)
    turn(alice, "Right", first)

    answer = put(client, f"/api/conversations/{first.conversation_id}/head", {"message_id": str(left.message_id)})

    assert (answer.status_code, answer.content) == (204, b"")
    page = messages(client, first)
    assert texts(page) == ["First", "re: First", "Left", "re: Left", "Left below", "re: Left below"]
    assert [len(item["sibling_ids"]) for item in page["items"]] == [1, 1, 2, 1, 1, 1]


def test_regenerating_leaves_the_first_reply_within_reach(alice: Person, client: Client) -> None:
    first = turn(alice, "First")
    again = actions.regenerate(alice.id, first.reply_id)
    finish(again, "Another answer")

    assert texts(messages(client, first)) == ["First", "Another answer"]
    put(client, f"/api/conversations/{first.conversation_id}/head", {"message_id": str(first.reply_id)})
    page = messages(client, first)

    assert texts(page) == ["First", "re: First"]
    assert page["items"][-1]["sibling_ids"] == [str(first.reply_id), str(again.reply_id)]


# Who asks


@pytest.mark.parametrize("with_token", [False, True])
def test_a_write_needs_the_token_of_our_own_page(alice: Person, with_token: bool) -> None:
    """Another site's page can send the cookie, but cannot read the token."""
    reply = turn(alice, "Hello")
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, BACKEND)
    client.get("/")
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value} if with_token else {}
    path = f"/api/messages/{reply.reply_id}/feedback"

    rated = client.put(path, {"rating": "up"}, "application/json", headers=headers)
    moved = client.put(
        f"/api/conversations/{reply.conversation_id}/head",
        {"message_id": str(reply.reply_id)},
        "application/json",
        headers=headers,
    )
    withdrawn = client.delete(path, headers=headers)

    if with_token:
        assert [answer.status_code for answer in (rated, moved, withdrawn)] == [200, 204, 204]
    else:
        assert all(is_error(answer, 403, "request.forged") for answer in (rated, moved, withdrawn))
        assert not Feedback.objects.exists()


def test_somebody_who_is_not_signed_in_is_told_so(db: None) -> None:
    assert is_error(Client().get("/api/conversations"), 401, "person.not_signed_in")


def test_reading_as_a_stranger_makes_no_guest(db: None) -> None:
    Client().get("/api/conversations")

    assert not Person.objects.exists()


def test_an_error_is_told_in_the_language_of_the_page(client: Client) -> None:
    answer = client.get(f"/api/conversations/{uuid4()}/messages", headers={"Accept-Language": "zh-CN"})

    assert answer.json()["message"] == "这个对话不存在。"


def test_a_failed_reply_is_told_in_the_language_of_the_page(client: Client, alice: Person) -> None:
    asked = ask(alice)
    Generation.objects.update(state="failed", error_code="engine.step_failed", error_message="CUDA error 700")

    page = client.get(
        f"/api/conversations/{asked.conversation_id}/messages", headers={"Accept-Language": "zh-CN"}
    ).json()

    assert page["items"][-1]["generation"]["error"]["message"] == "模型在生成时出错。请重试。"
