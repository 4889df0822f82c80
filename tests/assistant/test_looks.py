"""What people say of a canary ends it by itself where it does harm, and is never taken for more than it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from assistant.adapters.registry import Arm
from assistant.feedback import actions as feedback
from assistant.models import Adapter, AuditEvent, Conversation, Feedback, FeedbackEvent, Generation, Person, Rollout
from assistant.rollout import looks, queries
from assistant.rollout.looks import look, look_if_due
from tests.assistant.rollouts import canary, of_arm, people, rated

pytestmark = pytest.mark.django_db

UP, DOWN = Feedback.Rating.UP, Feedback.Rating.DOWN


def rate(persons: Iterator[Person], ratings: list[Feedback.Rating], *, ago_s: int = 10_000) -> None:
    """One person after the other says this."""
    for number, rating in enumerate(ratings):
        rated(next(persons), rating, ago=timedelta(seconds=ago_s - 10 * number))


def test_a_person_counts_once_with_the_mean_of_what_they_said(alice: Person) -> None:
    rollout = canary(50)
    person = next(of_arm(rollout, Arm.CANDIDATE))
    for rating in (UP, UP, UP, DOWN):
        rated(person, rating)
    rated(next(of_arm(rollout, Arm.LIVE)), DOWN)

    found = look(rollout)

    assert (found.candidate_people, found.candidate_rated, found.candidate_positive) == (1, 1, 0.75)
    assert (found.live_people, found.live_rated, found.live_positive) == (1, 1, 0.0)
    assert (found.pairs, found.decision) == (1, "go_on")


@pytest.mark.parametrize("knowledge", Generation.GIVEN)
def test_what_no_model_wrote_says_nothing_of_a_canary(alice: Person, knowledge: Generation.Knowledge) -> None:
    rollout = canary(50)
    accepted = rated(next(of_arm(rollout, Arm.CANDIDATE)), DOWN)
    Generation.objects.filter(pk=accepted.generation_id).update(knowledge=knowledge)

    assert look(rollout).candidate_rated == 0


def test_harm_takes_the_candidate_back_within_one_look(alice: Person) -> None:
    rollout = canary(50)
    rate(of_arm(rollout, Arm.LIVE), [UP] * 15)
    rate(of_arm(rollout, Arm.CANDIDATE), [DOWN] * 15)

    found = look(rollout)

    assert found.decision == "harm"
    assert found.e_value >= 20
    assert queries.candidate() is None
    assert (Rollout.objects.get().end, Rollout.objects.get().cause) == ("rolled_back", "harm")
    event = AuditEvent.objects.order_by("number").last()
    assert event is not None
    assert (event.action, event.actor, event.after["cause"]) == ("rollout.rolled_back", None, "harm")
    assert "e-value" in event.reason


def test_equal_arms_go_on(alice: Person) -> None:
    rollout = canary(50)
    for arm in Arm:
        rate(of_arm(rollout, arm), [UP, DOWN, UP] * 6)

    assert look(rollout).decision == "go_on"
    assert queries.candidate() is not None


def test_a_benefit_is_found_at_a_planned_look_and_promotes_nobody_by_itself(alice: Person) -> None:
    rollout = canary(50)
    Rollout.objects.update(planned_pairs=20, expected_pairs=20)
    rollout.refresh_from_db()
    rate(of_arm(rollout, Arm.LIVE), [DOWN] * 19 + [UP])
    rate(of_arm(rollout, Arm.CANDIDATE), [UP] * 19 + [DOWN])

    found = look(rollout)

    assert found.decision == "benefit"
    assert found.z is not None
    assert found.boundary == pytest.approx(1.842)
    assert not Adapter.objects.filter(state="live").exists()
    assert look(rollout).z is None  # this look has been taken


def test_without_enough_raters_no_benefit_is_claimed(alice: Person) -> None:
    rollout = canary(50)
    rate(of_arm(rollout, Arm.LIVE), [DOWN] * 20)
    rate(of_arm(rollout, Arm.CANDIDATE), [UP] * 20)

    found = look(rollout)

    assert (found.decision, found.z, found.boundary) == ("go_on", None, None)


def test_a_broken_split_ends_the_canary(alice: Person) -> None:
    rollout = canary(5)
    everybody = people(30)
    Conversation.objects.bulk_create(
        [Conversation(owner=person, rollout=rollout, arm=Arm.CANDIDATE) for person in everybody]
    )

    assert look(rollout).decision == "sample_ratio"
    assert Rollout.objects.get().cause == "sample_ratio"


def test_ratings_of_what_another_adapter_wrote_do_not_count(alice: Person) -> None:
    rollout = canary(50)
    accepted = rated(next(of_arm(rollout, Arm.CANDIDATE)), DOWN)
    FeedbackEvent.objects.filter(message=accepted.reply_id).update(adapter_sha256="")

    assert look(rollout).candidate_rated == 0


def test_a_mind_that_is_changed_at_once_is_what_counts_and_later_changes_are_no_new_evidence(alice: Person) -> None:
    rollout = canary(50)
    person = next(of_arm(rollout, Arm.CANDIDATE))
    accepted = rated(person, DOWN, ago=timedelta(minutes=5))
    feedback.give(person.id, accepted.reply_id, UP)
    FeedbackEvent.objects.filter(message=accepted.reply_id, verb="changed").update(
        at=FeedbackEvent.objects.get(message=accepted.reply_id, verb="given").at + timedelta(seconds=20)
    )
    feedback.give(person.id, accepted.reply_id, DOWN)

    [rater] = looks.raters_of(rollout)

    assert list(rater.settled.values()) == [1.0]
    assert list(rater.said.values()) == [0.0]


def test_a_first_rating_waits_until_it_is_settled(alice: Person) -> None:
    rollout = canary(50)
    rated(next(of_arm(rollout, Arm.CANDIDATE)), DOWN, ago=timedelta(seconds=5))
    rated(next(of_arm(rollout, Arm.LIVE)), UP, ago=timedelta(seconds=5))

    assert look(rollout).pairs == 0


def test_people_are_paired_with_those_who_came_at_the_same_time(alice: Person) -> None:
    """At five percent many live people come for one of the candidate; the last of them is compared with them."""
    rollout = canary(50)
    rate(of_arm(rollout, Arm.LIVE), [DOWN] * 5 + [UP], ago_s=3000)
    rate(of_arm(rollout, Arm.CANDIDATE), [UP], ago_s=2900)

    [(live, _)] = looks._pairs(looks.raters_of(rollout), Generation.objects.latest("created_at").created_at)

    assert list(live.said.values()) == [1.0]


def test_one_worker_looks_once_a_minute_and_only_news_are_kept(alice: Person) -> None:
    rollout = canary(50)
    rated(next(of_arm(rollout, Arm.CANDIDATE)), UP)

    assert look_if_due() is not None
    assert look_if_due() is None
    Rollout.objects.update(looked_at=None)
    assert look_if_due() is not None
    assert rollout.looks.count() == 1


def test_where_no_canary_runs_nobody_looks(alice: Person) -> None:
    assert look_if_due() is None
