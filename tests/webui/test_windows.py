"""A long conversation is read in windows: around any message, and from there on in both directions."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from assistant.chat.actions import Accepted
from assistant.models import Conversation, Person
from tests.assistant.rows import finish
from tests.conftest import ask


@pytest.fixture
def client(alice: Person) -> Client:
    client = Client()
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def turns(alice: Person) -> list[Accepted]:
    """Ten questions and their answers, one below the other."""
    turns: list[Accepted] = []
    for number in range(10):
        last = turns[-1] if turns else None
        turns.append(
            ask(
                alice,
                f"Question {number}",
                conversation_id=last.conversation_id if last else None,
                parent_id=last.reply_id if last else None,
            )
        )
        finish(turns[-1], f"Answer {number}")
    return turns


def page(client: Client, conversation_id: UUID, **query: object) -> dict[str, Any]:
    answer = client.get(f"/api/conversations/{conversation_id}/messages", query)
    assert answer.status_code == 200
    return answer.json()


def texts(page: dict[str, Any]) -> list[str]:
    return [message["text"] for message in page["items"]]


def test_a_window_around_a_message_goes_on_in_both_directions(client: Client, turns: list[Accepted]) -> None:
    of = turns[0].conversation_id
    everything = texts(page(client, of))

    window = page(client, of, around=turns[5].message_id, limit=4)
    older = page(client, of, leaf_id=window["next_leaf_id"], limit=200)
    newer = page(client, of, after=window["next_after_id"], limit=200)

    assert "Question 5" in texts(window)
    assert len(texts(window)) == 4
    assert texts(older) + texts(window) + texts(newer) == everything
    assert older["next_leaf_id"] is newer["next_after_id"] is None


def test_a_window_at_an_edge_ends_there(client: Client, turns: list[Accepted]) -> None:
    of = turns[0].conversation_id

    first = page(client, of, around=turns[0].message_id, limit=4)
    last = page(client, of, around=turns[-1].reply_id, limit=4)

    assert texts(first) == ["Question 0", "Answer 0", "Question 1", "Answer 1"]
    assert first["next_leaf_id"] is None
    assert texts(last) == ["Question 8", "Answer 8", "Question 9", "Answer 9"]
    assert last["next_after_id"] is None
    assert page(client, of)["next_after_id"] is None


def test_a_message_on_another_branch_is_shown_on_that_branch(
    alice: Person, client: Client, turns: list[Accepted]
) -> None:
    of = turns[0].conversation_id
    aside = ask(alice, "Aside", conversation_id=of, parent_id=turns[2].reply_id)
    finish(aside, "Aside answered")
    below = ask(alice, "Below", conversation_id=of, parent_id=aside.reply_id)
    finish(below, "Below answered")
    Conversation.objects.update(head=turns[-1].reply_id)

    window = page(client, of, around=aside.message_id, limit=6)

    assert texts(window) == ["Answer 1", "Question 2", "Answer 2", "Aside", "Aside answered", "Below"]
    assert texts(page(client, of, after=window["next_after_id"])) == ["Below answered"]
    assert page(client, of)["conversation"]["head_id"] == str(turns[-1].reply_id), "reading moves nothing"


@pytest.mark.parametrize("where", ["around", "after", "leaf_id"])
def test_a_message_of_another_conversation_is_not_found(
    alice: Person, client: Client, turns: list[Accepted], where: str
) -> None:
    other = ask(alice, "Elsewhere")

    for message_id in (other.message_id, uuid4()):
        answer = client.get(f"/api/conversations/{turns[0].conversation_id}/messages", {where: message_id})
        assert (answer.status_code, answer.json()["code"]) == (404, "message.not_found")


def test_the_page_opens_around_a_message(client: Client, turns: list[Accepted]) -> None:
    address = f"/c/{turns[0].conversation_id}/"

    assert b"Question 3" in client.get(address, {"message": turns[3].message_id}).content
    assert client.get(address, {"message": uuid4()}).status_code == 404
    assert client.get(address, {"message": "3"}).status_code == 404
