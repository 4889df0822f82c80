"""What answers is decided by a verdict, or by a named admin who says why, and taken back by one command."""

from __future__ import annotations

import pytest

from assistant.adapters.registry import AUTOMATIC, adapter_for_new_reply
from assistant.errors import AssistantError
from assistant.models import Adapter, AuditEvent, Person, Rollout
from assistant.rollout.actions import promote, roll_back
from tests.assistant.rollouts import admin, evaluated, trained

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(alice: Person) -> Person:
    return admin()


def answering(person: Person) -> Adapter | None:
    return adapter_for_new_reply(person, AUTOMATIC, "0" * 64)


def test_an_adapter_that_passed_is_put_live(ada: Person, alice: Person) -> None:
    adapter = trained("b")
    evaluation = evaluated(adapter, "pass")

    rollout = promote(ada, adapter)

    assert answering(alice) == adapter
    assert (rollout.evaluation, rollout.person, rollout.end) == (evaluation, ada, "")
    assert AuditEvent.objects.get().action == "rollout.promoted"


@pytest.mark.parametrize("verdict", ["fail", "not_enough_evidence", ""])
def test_one_that_did_not_pass_is_refused(verdict: str, ada: Person, alice: Person) -> None:
    adapter = trained("b")
    if verdict:
        evaluated(adapter, verdict)

    with pytest.raises(AssistantError, match=r"rollout\.not_proven"):
        promote(ada, adapter, "  ")

    assert answering(alice) is None


def test_an_admin_may_put_it_live_all_the_same_and_the_audit_keeps_why(ada: Person, alice: Person) -> None:
    adapter = trained("b")
    evaluated(adapter, "not_enough_evidence")

    promote(ada, adapter, "Three people asked for it.")

    assert answering(alice) == adapter
    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.reason) == (
        "rollout.promoted_without_proof",
        ada,
        "Three people asked for it.",
    )
    assert event.after == {"verdict": "not_enough_evidence"}


def test_a_verdict_against_what_no_longer_answers_does_not_count(ada: Person) -> None:
    old, new = trained("b"), trained("c")
    evaluated(new, "pass")  # against the base model
    promote(ada, old, "First")

    with pytest.raises(AssistantError, match=r"rollout\.not_proven"):
        promote(ada, new)

    evaluated(new, "pass", against=old)
    assert promote(ada, new).adapter == new


def test_a_later_failure_takes_an_earlier_pass_away(ada: Person) -> None:
    adapter = trained("b")
    evaluated(adapter, "pass")
    evaluated(adapter, "fail")

    with pytest.raises(AssistantError, match=r"rollout\.not_proven"):
        promote(ada, adapter)


def test_rolling_back_brings_back_what_answered_before(ada: Person, alice: Person) -> None:
    old, new = trained("b"), trained("c")
    promote(ada, old, "First")
    promote(ada, new, "Second")

    roll_back(ada, "It insults people.")
    assert answering(alice) == old

    roll_back(ada, "This one, too.")  # and not the one that has just been taken away
    assert answering(alice) is None
    with pytest.raises(AssistantError, match=r"rollout\.nothing_before"):
        roll_back(ada, "And now?")
    assert [rollout.end for rollout in Rollout.objects.order_by("started_at")] == [
        "replaced",
        "rolled_back",
        "rolled_back",
        "",
    ]


def test_only_admins_decide(alice: Person, bob: Person, ada: Person) -> None:
    adapter = trained("b")
    evaluated(adapter, "pass")
    for person in (alice, bob):
        with pytest.raises(AssistantError, match=r"request\.not_allowed"):
            promote(person, adapter, "I want it.")
    promote(ada, adapter)
    for person in (alice, bob):
        with pytest.raises(AssistantError, match=r"request\.not_allowed"):
            roll_back(person, "I do not want it.")
    assert answering(alice) == adapter
