"""An adapter comes to people step by step, each decided by an admin, and goes back from any of them by one."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import F
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from assistant.audit import chain
from assistant.errors import AssistantError
from assistant.models import Adapter, AuditEvent, Person, Rollout, RolloutLook, ServingAck, Worker
from assistant.rollout import actions, queries
from tests.assistant.rollouts import BASE, admin, canary, evaluated, rated, trained
from tests.assistant.rows import worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(alice: Person) -> Person:
    return admin()


def passed(letter: str = "b") -> Adapter:
    adapter = trained(letter)
    evaluated(adapter, "pass")
    return adapter


def test_it_answers_unseen_then_a_growing_share_then_everybody(ada: Person) -> None:
    adapter = passed()
    rollout = actions.start(ada, adapter)
    seen = [(rollout.stage, rollout.percent)]
    for _ in range(4):
        rollout = actions.advance(ada)
        seen.append((rollout.stage, rollout.percent))

    assert seen == [("shadow", 0), ("canary", 5), ("canary", 25), ("canary", 50), ("full", 100)]
    assert Adapter.objects.get(state="live") == adapter
    assert [event.action for event in AuditEvent.objects.order_by("number")] == [
        "rollout.started",
        *["rollout.advanced"] * 3,
        "rollout.promoted",
    ]
    assert all(event.actor == ada for event in AuditEvent.objects.all())


def test_what_has_not_passed_gets_before_people_only_with_a_reason(ada: Person) -> None:
    actions.start(ada, trained("b"))
    with pytest.raises(AssistantError, match=r"rollout\.not_proven"):
        actions.advance(ada, " ")

    assert actions.advance(ada, "Three people asked for it.").percent == 5
    assert AuditEvent.objects.order_by("number").last().reason == "Three people asked for it."  # type: ignore[union-attr]


def test_two_cannot_be_on_their_way(ada: Person) -> None:
    actions.start(ada, passed("b"))
    with pytest.raises(AssistantError, match=r"rollout\.busy"):
        actions.start(ada, passed("c"))
    with pytest.raises(AssistantError, match=r"rollout\.busy"):
        actions.promote(ada, Adapter.objects.get(name="c"))


def test_going_back_from_a_canary_leaves_what_is_live(ada: Person) -> None:
    live = passed("b")
    actions.promote(ada, live)
    evaluated(trained("c"), "pass", against=live)
    actions.start(ada, Adapter.objects.get(name="c"))
    actions.advance(ada)

    rollout = actions.roll_back(ada, "It is rude.")

    assert (rollout.end, rollout.percent, rollout.cause) == ("rolled_back", 0, "")
    assert queries.candidate() is None
    assert Adapter.objects.get(state="live") == live


def test_where_enough_people_rate_the_last_step_waits_for_a_benefit(ada: Person) -> None:
    rollout = canary(50)
    Rollout.objects.update(planned_pairs=10, expected_pairs=10)
    with pytest.raises(AssistantError, match=r"rollout\.benefit_not_shown"):
        actions.advance(ada)

    nothing = dict.fromkeys(("live_people", "live_rated", "candidate_people", "candidate_rated", "pairs"), 0)
    RolloutLook.objects.create(
        rollout=rollout, percent=50, live_positive=0, candidate_positive=0, e_value=1, decision="benefit", **nothing
    )
    assert actions.advance(ada).stage == "full"


def test_where_few_people_rate_the_canary_says_that_it_shows_only_harm(ada: Person, alice: Person) -> None:
    rated(alice, "up")
    rollout = canary(50)

    assert not rollout.can_show_benefit
    assert rollout.planned_pairs > 100 > rollout.expected_pairs
    said = StringIO()
    call_command("rollout", "status", stdout=said)
    assert "can only detect harm" in said.getvalue()
    assert actions.advance(ada).stage == "full"  # by the evaluation alone


def test_only_admins_decide(ada: Person, alice: Person, bob: Person) -> None:
    adapter = passed()
    actions.start(ada, adapter)
    for person in (alice, bob):
        for attempt in (actions.start, actions.promote):
            with pytest.raises(AssistantError, match=r"request\.not_allowed"):
                attempt(person, adapter, "I want it.")
        with pytest.raises(AssistantError, match=r"request\.not_allowed"):
            actions.advance(person, "Go on.")


def test_a_step_waits_until_a_worker_has_the_adapter(ada: Person) -> None:
    adapter = passed()
    actions.start(ada, adapter)
    one, two = worker(), worker()
    Worker.objects.update(base_model_sha256=BASE)
    with pytest.raises(AssistantError, match=r"rollout\.not_loaded"):
        actions.advance(ada)
    ServingAck.objects.create(worker=one, adapter=adapter, number=1, ok=False, reason="It is damaged.")
    with pytest.raises(AssistantError, match=r"rollout\.not_loaded"):
        actions.advance(ada)
    ServingAck.objects.create(worker=two, adapter=adapter, number=1, ok=True)

    assert actions.advance(ada).percent == 5
    states = {found.worker.pk: (found.state, found.reason) for found in queries.workers_with(adapter)}
    assert states == {one.pk: ("refused", "It is damaged."), two.pk: ("ready", "")}


def test_the_command_walks_the_same_way(ada: Person) -> None:
    adapter = passed()
    by = {"by": ada.email, "stdout": StringIO()}
    call_command("rollout", "start", adapter.sha256[:12], **by)
    call_command("rollout", "advance", **by)
    call_command("rollout", "back", reason="Enough seen", **by)

    assert "b answers unseen (shadow)." in by["stdout"].getvalue()
    assert "b answers 5 % of the people (canary)." in by["stdout"].getvalue()
    assert by["stdout"].getvalue().endswith("From the next reply on: the base model.\n")
    with pytest.raises(CommandError, match="No adapter is on its way"):
        call_command("rollout", "advance", **by)


class Rollouts(RuleBasedStateMachine):
    """Any decisions in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._example = transaction.atomic()
        self._example.__enter__()
        self.ada = admin()
        for letter in "bcd":
            trained(letter)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._example.__exit__(None, None, None)

    @rule(letter=st.sampled_from("bcd"), reason=st.sampled_from(["", "Because"]))
    def start(self, letter: str, reason: str) -> None:
        self._try(lambda: actions.start(self.ada, Adapter.objects.get(name=letter), reason))

    @rule(letter=st.sampled_from("bcd"), verdict=st.sampled_from(["pass", "fail", "not_enough_evidence"]))
    def evaluate(self, letter: str, verdict: str) -> None:
        evaluated(Adapter.objects.get(name=letter), verdict, Adapter.objects.filter(state="live").first())

    @rule(reason=st.sampled_from(["", "Because"]))
    def advance(self, reason: str) -> None:
        before = queries.candidate()
        moved = self._try(lambda: actions.advance(self.ada, reason))
        if moved and not reason:
            assert moved.evaluation is not None
            assert moved.evaluation.verdict == "pass"
        if moved:
            assert before is not None
            assert moved.percent > before.percent

    @rule(letter=st.sampled_from("bcd"), reason=st.sampled_from(["", "Because"]))
    def promote(self, letter: str, reason: str) -> None:
        self._try(lambda: actions.promote(self.ada, Adapter.objects.get(name=letter), reason))

    @rule()
    def back(self) -> None:
        live, on_its_way = Adapter.objects.filter(state="live").first(), queries.candidate()
        moved = self._try(lambda: actions.roll_back(self.ada, "Because"))
        if on_its_way:
            assert moved is not None
            assert Adapter.objects.filter(state="live").first() == live
        elif live is None:
            assert moved is None
        else:
            assert Adapter.objects.filter(state="live").first() != live

    @rule()
    def harm(self) -> None:
        on_its_way = queries.candidate()
        if on_its_way:
            actions.roll_back_by_itself(on_its_way, Rollout.Cause.HARM, "e-value 20")
            assert queries.candidate() is None

    def _try(self, act: object) -> Rollout | None:
        try:
            return act()  # type: ignore[operator,no-any-return]
        except AssistantError:
            return None

    @invariant()
    def one_thing_answers_and_at_most_one_is_on_its_way(self) -> None:
        live, full, on_its_way = Adapter.objects.filter(state="live").first(), queries.full(), queries.candidate()
        assert (full.adapter if full else None) == live
        if on_its_way:
            assert on_its_way.adapter != live
            assert on_its_way.previous == live
            assert (on_its_way.stage == "shadow") == (on_its_way.percent == 0)
        assert not Rollout.objects.exclude(end="").filter(ended_at=None).exists()
        assert not Rollout.objects.filter(ended_at__lt=F("started_at")).exists()

    @invariant()
    def every_step_is_in_the_audit(self) -> None:
        verdict = chain.verify()
        assert verdict.broken_at is None
        assert verdict.events == queries.newest_number()


def test_any_decisions_in_any_order_leave_one_thing_that_answers(alice: Person) -> None:
    settled = settings(max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Rollouts, settings=settled)
