"""Feedback, comparison, settings, edits and provenance over HTTP, and the words that the page has for them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from assistant.chat import actions
from assistant.chat.actions import Accepted
from assistant.models import Adapter, Comparison, Conversation, Feedback, Person
from tests.assistant.rows import finish
from tests.webui.test_api import client, is_error, messages, put, turn

__all__ = ["client"]

TEMPLATE = Path(__file__).parents[2] / "webui" / "templates" / "webui" / "_feedback_panel.html"


@pytest.fixture
def reply(alice: Person) -> Accepted:
    return turn(alice, "Hello")


def patch(client: Client, path: str, body: Any) -> Any:
    return client.patch(path, body, "application/json")


# Feedback


def test_feedback_is_given_changed_and_taken_back(client: Client, reply: Accepted) -> None:
    path = f"/api/messages/{reply.reply_id}/feedback"
    bare = {"reasons": [], "comment": "", "correction": ""}
    whole = {"rating": "down", "reasons": ["incorrect"], "comment": "No", "correction": "Yes"}

    assert put(client, path, {"rating": "up"}).json() == {"rating": "up", **bare}
    assert put(client, path, whole).json() == whole
    assert messages(client, reply)["items"][-1]["feedback"] == whole
    assert Feedback.objects.count() == 1
    assert client.delete(path).status_code == 204
    assert messages(client, reply)["items"][-1]["feedback"] is None
    assert client.delete(path).status_code == 204


def test_a_message_of_the_person_cannot_be_rated(client: Client, reply: Accepted) -> None:
    answer = put(client, f"/api/messages/{reply.message_id}/feedback", {"rating": "up"})

    assert is_error(answer, 400, "message.not_a_reply")


UNREADABLE = ["", "{", "[]", "null", "{}", '{"rating": "fine"}', '{"rating": 1}', "\xff"]
UNREADABLE += [
    '{"rating": "up", "reasons": "clear"}',
    '{"rating": "up", "reasons": [1]}',
    '{"rating": "up", "comment": 1}',
]


@pytest.mark.parametrize("body", UNREADABLE)
def test_feedback_nobody_can_read_is_refused(client: Client, reply: Accepted, body: str) -> None:
    answer = client.put(f"/api/messages/{reply.reply_id}/feedback", body.encode("latin-1"), "application/json")

    assert is_error(answer, 400, "request.invalid")
    assert not Feedback.objects.exists()


def test_the_page_offers_exactly_the_reasons_there_are() -> None:
    html = TEMPLATE.read_text(encoding="utf-8")
    offered = {
        rating: tuple(re.findall(r'name="reason" value="(\w+)"', chips))
        for rating, chips in re.findall(r'<fieldset class="choices" data-rating="(\w+)">(.*?)</fieldset>', html)
    }

    assert offered == Feedback.REASONS


# Comparison


def test_a_vote_is_given_read_and_taken_back(alice: Person, client: Client, reply: Accepted) -> None:
    again = actions.regenerate(alice.id, reply.reply_id)
    path = f"/api/comparisons/{reply.reply_id}/{again.reply_id}"
    assert is_error(put(client, path, {"verdict": "left"}), 409, "comparison.unfinished")
    finish(again, "Another")

    assert client.get(path).json() == {"verdict": None}
    assert put(client, path, {"verdict": "left"}).status_code == 204
    assert client.get(path).json() == {"verdict": "left"}
    assert messages(client, reply)["conversation"]["head_id"] == str(reply.reply_id)
    assert client.delete(path).status_code == 204
    assert client.get(path).json() == {"verdict": None}


@pytest.mark.parametrize("verdict", ["best", "", None, 1])
def test_a_verdict_nobody_knows_is_refused(client: Client, reply: Accepted, verdict: Any) -> None:
    answer = put(client, f"/api/comparisons/{reply.reply_id}/{uuid4()}", {"verdict": verdict})

    assert is_error(answer, 400, "request.invalid")
    assert not Comparison.objects.exists()


# Settings


def test_settings_are_read_and_changed_apart(client: Client, reply: Accepted) -> None:
    path = f"/api/conversations/{reply.conversation_id}/settings"

    assert patch(client, path, {"system_message": "Be brief."}).status_code == 204
    assert patch(client, path, {"sampling": {"temperature": 0.5}}).status_code == 204

    now = client.get(path).json()
    nothing = dict.fromkeys(["top_p", "top_k", "repetition_penalty", "max_tokens", "seed"])
    assert now["sampling"] == {"temperature": 0.5, **nothing}
    assert now["system_message"] == "Be brief."
    assert (now["defaults"]["temperature"], now["defaults"]["max_tokens"]) == (0.2, 512)
    assert (now["model_choice"], now["training_use"]) == ("", "not_consented")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"sampling": {"temperature": "hot"}}, 400, "request.invalid"),
        ({"sampling": {"top_k": 1.5}}, 400, "request.invalid"),
        ({"sampling": {"seed": 2**53}}, 400, "request.invalid"),
        ({"sampling": {"top_p": 2}}, 400, "sampling.invalid"),
        ({"model_choice": "the best"}, 400, "adapter.not_available"),
        ({"is_training_allowed": True}, 409, "consent.not_given"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    client: Client, reply: Accepted, change: dict[str, Any], status: int, code: str
) -> None:
    before = Conversation.objects.values().get()

    answer = patch(client, f"/api/conversations/{reply.conversation_id}/settings", change)

    assert is_error(answer, status, code)
    assert Conversation.objects.values().get() == before


def test_the_chooser_is_there_only_where_there_is_a_choice(client: Client, reply: Accepted) -> None:
    path = f"/c/{reply.conversation_id}/"
    assert b"model-chooser" not in client.get(path).content
    Adapter.objects.create(name="<polite>", sha256="0", base_model_sha256="0", state=Adapter.State.LIVE)
    patch(client, f"/api/conversations/{reply.conversation_id}/settings", {"model_choice": "base"})

    html = client.get(path).content.decode()

    assert 'id="model-chooser"' in html
    assert '<option value="base" selected>' in html
    assert "&lt;polite&gt;" in html
    assert messages(client, reply)["conversation"]["model_choice"] == "base"


# Messages one by one


def test_an_edited_message_is_read_as_edited(client: Client, reply: Accepted) -> None:
    assert patch(client, f"/api/messages/{reply.message_id}", {"text": "Good evening"}).status_code == 204

    question = messages(client, reply)["items"][0]
    assert (question["text"], question["edited_at"] is not None) == ("Good evening", True)


def test_what_wrote_a_reply_can_be_looked_up(client: Client, reply: Accepted) -> None:
    found = client.get(f"/api/messages/{reply.reply_id}/provenance").json()

    assert found["sampling"]["max_tokens"] == 512
    assert (found["adapter"], found["attempts"], found["dropped_messages"]) == ("", 0, 0)
    assert found["finished_at"] is not None
    assert is_error(client.get(f"/api/messages/{reply.message_id}/provenance"), 400, "message.not_a_reply")
