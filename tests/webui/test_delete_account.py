"""Deleting an account erases the person and everything of theirs, wherever it lies."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core import serializers
from django.test import Client

from assistant.chat import leases, stream
from assistant.chat.stream import LogEntry
from assistant.feedback import actions as feedback
from assistant.models import Comparison, Conversation, Feedback, Folder, Generation, Message, Person
from tests.assistant.rows import finish
from tests.conftest import ask
from tests.webui.members import PASSWORD, browser_of, new_member, person_at, prove, sign_in, turn_on_totp

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> Person:
    return new_member()


def with_everything(client: Client, person: Person) -> list[str]:
    """Give a person a bit of all there is; returns words that must not be found later."""
    client.post("/settings/", {"name": "Dora Delight"})
    client.post("/settings/privacy/consent/", {"consent": "given"})
    turn_on_totp(client)
    first = ask(person, "Where do rivers end?")
    finish(first, "In the sea.")
    second = ask(person, "And brooks?", conversation_id=first.conversation_id, parent_id=first.reply_id)
    finish(second, "In rivers.")
    feedback.give(person.id, first.reply_id, Feedback.Rating.DOWN)
    Feedback.objects.update(comment="Too short", correction="In the sea, mostly.")
    Comparison.objects.create(person=person, left_id=first.reply_id, right_id=second.reply_id, verdict="left")
    folder = Folder.objects.create(owner=person, name="Geography")
    Conversation.objects.update(folder=folder)
    return [
        *(str(person.id), person.email, "Dora Delight"),
        *("rivers", "In the sea", "brooks", "Too short", "Geography"),
    ]


def everything() -> str:
    """All that any table holds, sessions in the clear."""
    rows = [serializers.serialize("json", model._base_manager.all()) for model in apps.get_models()]
    sessions = [str(session.get_decoded()) for session in Session.objects.all()]
    return "\n".join(rows + sessions)


def test_nothing_refers_to_the_person_afterwards(member: Person, charlie: Person) -> None:
    client, elsewhere = browser_of(member), browser_of(member)
    elsewhere.get("/")
    traces = with_everything(client, member)
    of_charlie = ask(charlie, "My own matter")
    assert [trace for trace in traces if trace not in everything()] == []

    answer = client.post("/settings/delete/")

    assert answer["Location"] == "/accounts/login/"
    assert [trace for trace in [*traces, member.id.hex] if trace in everything()] == []
    assert Message.objects.filter(pk=of_charlie.message_id).exists()
    assert person_at(client) is None
    assert elsewhere.get("/api/conversations").status_code == 401
    assert sign_in(Client(), member.email).status_code == 200


def test_the_page_says_first_what_will_be_erased(member: Person) -> None:
    client = browser_of(member)
    finish(ask(member), "Hi")

    page = client.get("/settings/delete/").content.decode()

    assert "Conversations: 1" in page
    assert "Messages and answers in them: 2" in page
    assert Person.objects.filter(pk=member.pk).exists()


def test_it_takes_the_password_once_more(member: Person) -> None:
    client = browser_of(member)

    answer = client.post("/settings/delete/")

    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert Person.objects.filter(pk=member.pk).exists()
    assert client.post(answer["Location"], {"password": "wrong"}).status_code == 200
    assert Person.objects.filter(pk=member.pk).exists()
    client.post(answer["Location"], {"password": PASSWORD})
    assert not Person.objects.filter(pk=member.pk).exists()


def test_a_guest_confirms_and_everything_is_gone() -> None:
    client = Client()
    client.get("/")
    guest = person_at(client)
    assert guest
    ask(guest, "Where do rivers end?")

    client.post("/settings/delete/")

    assert str(guest.id) not in everything()
    assert "rivers" not in everything()
    assert client.get("/api/conversations").status_code == 401


def test_a_running_reply_is_stopped_and_its_log_cannot_come_back(
    member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.chat.erasure.STOP_PATIENCE_S", 0.0)  # nobody is here to stop
    client = browser_of(member)
    prove(client)
    asked = ask(member)
    Generation.objects.filter(pk=asked.generation_id).update(state="running", fence=3, attempts=1)
    assert write(asked.generation_id, 1) == 1

    client.post("/settings/delete/")

    assert not stream.connection().exists(stream.log_key(asked.generation_id))
    # The worker that was frozen meanwhile wakes up.
    assert write(asked.generation_id, 2) == stream.FENCED_OUT
    assert not stream.connection().exists(stream.log_key(asked.generation_id))


def test_a_worker_is_told_to_stop_before_anything_is_erased(member: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    client = browser_of(member)
    prove(client)
    asked = ask(member)
    Generation.objects.filter(pk=asked.generation_id).update(state="running", fence=3, attempts=1)
    seen: list[bool] = []

    def worker_looks(_seconds: float) -> None:
        generation = Generation.objects.get(pk=asked.generation_id)
        seen.append(generation.cancel_requested_at is not None)
        Generation.objects.filter(pk=asked.generation_id).update(state="cancelled")

    monkeypatch.setattr("assistant.chat.erasure.time.sleep", worker_looks)
    client.post("/settings/delete/")

    assert seen == [True]
    assert not Person.objects.filter(pk=member.pk).exists()


def test_while_redis_is_away_nothing_is_erased_and_the_page_says_so(
    member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browser_of(member)
    prove(client)
    finish(ask(member), "Hi")

    def away(*_: Any) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(stream, "erase", away)
    page = client.post("/settings/delete/")

    assert page.status_code == 503
    assert "nothing was erased" in page.content.decode()
    assert person_at(client) == member
    assert Message.objects.count() == 2
    assert browser_of(member).get("/settings/").status_code == 200


def write(generation_id: Any, seq: int) -> int:
    """Append to the log as the worker does that holds fence 3."""
    entry = LogEntry(seq, "delta", {"delta": "rivers "})
    answer: int = stream.append_script()(**stream.append_arguments(generation_id, 3, seq - 1, [entry]))
    return answer


def test_the_lease_of_an_erased_reply_is_nobodys(member: Person) -> None:
    client = browser_of(member)
    prove(client)
    ask(member)

    client.post("/settings/delete/")

    assert leases.waiting(10, may_take_over=True) == []
