"""Judging over HTTP: a reason first, one item and the next, decisions and what becomes of them, tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from assistant.feedback import actions
from assistant.models import AuditEvent, Conversation, Person, RegressionCase, Review
from tests.assistant.learning import DOWN, answered, consenting, corrected
from tests.seeding import write
from tests.webui.test_api import is_error, put
from webui.review import sitting

REASON = "Weekly review"


@pytest.fixture
def waiting(alice: Person) -> list[Review]:
    consenting(alice)
    for name in ("rivers", "roads", "rails"):
        corrected(alice, f"Where do {name} end?", "In a lake of 30 km.", f"{name.title()} end in the sea.")
    return list(Review.objects.order_by("id"))


@pytest.fixture
def client(enter: Callable[..., Client], waiting: list[Review]) -> Client:
    """Bob's browser, after he has said why he reads."""
    client = enter("bob")
    assert put(client, "/api/reviews/reason", {"reason": REASON}).status_code == 204
    return client


def next_of(client: Client, **body: Any) -> Any:
    return client.post("/api/reviews/next", body, "application/json")


def decide(client: Client, review: Review, decision: str, **body: Any) -> Any:
    return put(client, f"/api/reviews/{review.id}/decision", {"decision": decision, **body})


def test_nothing_is_taken_or_read_before_somebody_says_why(enter: Callable[..., Client], waiting: list[Review]) -> None:
    client = enter("bob")

    assert is_error(next_of(client), 400, "review.reason_missing")
    assert is_error(put(client, "/api/reviews/reason", {"reason": "  "}), 400, "review.reason_missing")
    assert is_error(put(client, f"/api/reviews/{waiting[0].id}/assignment", {}), 400, "review.reason_missing")

    assert not Review.objects.exclude(assigned_to=None).exists()
    assert not AuditEvent.objects.exists()


def test_a_reason_is_one_of_a_sitting(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert next_of(client).status_code == 200
    monkeypatch.setattr(sitting, "SITTING_S", 0)

    assert is_error(next_of(client), 400, "review.reason_missing")


def test_an_item_holds_all_that_is_needed_to_judge_it(client: Client, waiting: list[Review]) -> None:
    answer = next_of(client).json()

    item = answer["item"]
    assert (item["id"], item["cause"]) == (str(waiting[0].id), "correction")
    assert item["messages"] == [
        {"role": "user", "text": "Where do rivers end?"},
        {"role": "assistant", "text": "In a lake of 30 km."},
    ]
    assert (item["rating"], item["reasons"], item["correction"]) == (
        *("down", ["incorrect"], "Rivers end in the sea."),
    )
    assert item["proposal"] == item["correction"]
    assert "".join(part["text"] for part in item["changes"] if part["kind"] != "insert") == item["answer"]
    assert item["suggested"]["must_not_contain"] == ["In a lake of 30 km"]
    assert answer["waiting"]["2_correction"] == 3
    [event] = AuditEvent.objects.all()
    assert (event.action, event.reason) == ("transcript.read", REASON)


def test_the_next_comes_beside_the_first_and_each_is_its_own_audit_event(client: Client, waiting: list[Review]) -> None:
    first = next_of(client).json()["item"]["id"]
    second = next_of(client, without=[first]).json()["item"]["id"]

    assert [first, second] == [str(review.id) for review in waiting[:2]]
    assert next_of(client, without=[first, second]).json()["item"] is None  # no third in the same hands
    assert AuditEvent.objects.filter(action="transcript.read").count() == 2


@pytest.mark.parametrize(
    ("decision", "body", "state", "answer"),
    [
        ("accept", {}, "accepted", "Rivers end in the sea."),
        ("edit", {"answer": "In the sea."}, "edited", "In the sea."),
        ("reject", {"reason": "Wrong"}, "rejected", ""),
        ("skip", {}, "skipped", ""),
    ],
)
def test_it_is_decided_and_that_is_undone(
    client: Client, waiting: list[Review], decision: str, body: dict[str, str], state: str, answer: str
) -> None:
    next_of(client)

    assert decide(client, waiting[0], decision, **body).json() == {"state": state}
    decided = Review.objects.get(pk=waiting[0].pk)
    assert (decided.state, decided.answer, decided.reviewer and decided.reviewer.username) == (state, answer, "bob")
    undone = client.delete(f"/api/reviews/{waiting[0].id}/decision")

    assert undone.json()["id"] == str(waiting[0].id)
    assert Review.objects.get(pk=waiting[0].pk).state == "pending"
    assert decide(client, waiting[0], "skip").status_code == 200  # it is in the same hands


def test_what_cannot_be_decided_says_why(client: Client, waiting: list[Review]) -> None:
    assert is_error(decide(client, waiting[0], "accept"), 409, "review.not_held")
    next_of(client)
    assert is_error(decide(client, waiting[0], "edit", answer=" "), 400, "message.empty")
    assert is_error(decide(client, waiting[0], "reject"), 400, "review.reason_missing")
    assert is_error(decide(client, waiting[0], "approve"), 400, "request.invalid")


def test_one_is_chosen_given_back_and_taken_again(client: Client, waiting: list[Review]) -> None:
    path = f"/api/reviews/{waiting[2].id}/assignment"

    assert put(client, path, {}).json()["messages"][0]["text"] == "Where do rails end?"
    assert client.delete(path).status_code == 204
    assert is_error(client.delete(path), 409, "review.not_held")
    Review.objects.filter(pk=waiting[2].pk).update(
        assigned_to=Person.objects.create(username="carol"), assigned_until=timezone.now() + timedelta(minutes=1)
    )
    assert is_error(put(client, path, {}), 409, "review.taken")


def test_one_cause_alone(client: Client, alice: Person) -> None:
    actions.give(alice.id, answered(alice).reply_id, DOWN, ["unsafe"])

    assert next_of(client, cause="2_correction").json()["item"]["cause"] == "correction"
    assert next_of(client).json()["item"]["cause"] == "correction"  # what one holds comes first
    assert next_of(client, cause="1_unsafe").json()["item"]["cause"] == "unsafe"
    assert is_error(next_of(client, cause="nonsense"), 400, "request.invalid")


def test_a_second_one_sees_what_the_first_approved(
    client: Client, waiting: list[Review], settings: Settings, charlie: Person, enter: Callable[..., Client]
) -> None:
    settings.REVIEW_NEEDS_TWO = True
    next_of(client)
    assert decide(client, waiting[0], "edit", answer="In the sea.").json() == {"state": "pending"}
    Person.objects.filter(pk=charlie.pk).update(role=Person.Role.REVIEWER)
    second = enter("charlie")
    put(second, "/api/reviews/reason", {"reason": REASON})

    item = put(second, f"/api/reviews/{waiting[0].id}/assignment", {}).json()

    assert (item["proposal"], item["approved_by"]) == ("In the sea.", "bob@example.org")
    assert item["correction"] == "Rivers end in the sea."
    assert decide(second, waiting[0], "accept").json() == {"state": "edited"}


def test_a_test_is_made_of_what_one_holds(client: Client, waiting: list[Review]) -> None:
    path = f"/api/reviews/{waiting[0].id}/regression-case"
    rules = {"must_contain": ["the sea"], "must_not_contain": ["a lake"], "refuses": None}
    assert is_error(client.post(path, rules, "application/json"), 409, "review.not_held")
    next_of(client)

    made = client.post(path, rules, "application/json")

    assert made.status_code == 201
    assert str(RegressionCase.objects.get().id) == made.json()["id"]
    assert RegressionCase.objects.get().wanted == {"must_contain": ["the sea"], "must_not_contain": ["a lake"]}
    assert is_error(client.post(path, {}, "application/json"), 400, "regression.no_rule")


def test_of_a_long_conversation_the_end_is_shown(client: Client, alice: Person) -> None:
    conversation_id = write(alice.id, 60)
    reply_id = Conversation.objects.get(pk=conversation_id).head_id
    actions.give(alice.id, reply_id, DOWN, ["unsafe"])

    item = put(client, f"/api/reviews/{Review.objects.get(message=reply_id).id}/assignment", {}).json()

    assert (len(item["messages"]), item["earlier_count"]) == (40, 20)
    assert item["messages"][-1]["text"] == item["answer"]


def test_the_answer_of_a_reply_without_a_word_is_empty(client: Client, alice: Person) -> None:
    reply = answered(alice, "Are you there?", "")
    actions.give(alice.id, reply.reply_id, DOWN, [], "", "Yes.")

    item = put(client, f"/api/reviews/{Review.objects.get(message=reply.reply_id).id}/assignment", {}).json()

    assert (item["answer"], item["messages"][-1]) == ("", {"role": "assistant", "text": ""})
