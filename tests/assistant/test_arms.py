"""Who meets a canary: a stable share of the people, whole conversations at a time, and nobody who chose otherwise."""

from __future__ import annotations

import pytest

from assistant.adapters.registry import BASE as BASE_CHOICE
from assistant.adapters.registry import Arm, Canary
from assistant.chat.actions import Accepted
from assistant.models import Adapter, Conversation, Person, Worker
from assistant.rollout import actions
from tests.assistant.rollouts import adapter_of, arm_of, canary, of_arm, people
from tests.assistant.rows import finish, worker
from tests.conftest import ask

pytestmark = pytest.mark.django_db


def asked_again(person: Person, first: Accepted) -> Accepted:
    finish(first, "An answer.")
    return ask(person, "And then?", conversation_id=first.conversation_id, parent_id=first.reply_id)


def test_a_share_is_about_as_large_as_it_says(alice: Person) -> None:
    rollout = canary(25)
    running = Canary(rollout.id, rollout.adapter, 25, rollout.salt)  # type: ignore[arg-type]
    drawn = [running.arm_of(person.id) for person in people(4000)]

    # Four standard deviations of 4000 draws.
    assert abs(drawn.count(Arm.CANDIDATE) / 4000 - 0.25) < 0.028


def test_a_larger_share_holds_the_people_of_a_smaller_one_and_another_rollout_other_people(alice: Person) -> None:
    rollout = canary(25)
    small, large, other = (
        Canary(rollout.id, rollout.adapter, percent, salt)  # type: ignore[arg-type]
        for percent, salt in ((5, "a"), (25, "a"), (5, "b"))
    )
    everybody = people(2000)
    of_small, of_large, of_other = (
        {person.id for person in everybody if share.arm_of(person.id) == Arm.CANDIDATE}
        for share in (small, large, other)
    )

    assert of_small < of_large
    assert of_small != of_other


def test_a_person_meets_the_same_arm_in_every_conversation(alice: Person) -> None:
    rollout = canary(50)
    for arm, expected in ((Arm.CANDIDATE, rollout.adapter), (Arm.LIVE, None)):
        person = next(of_arm(rollout, arm))
        replies = [ask(person), ask(person)]
        assert {adapter_of(reply) for reply in replies} == {expected}
        assert {arm_of(reply) for reply in replies} == {arm}


def test_a_conversation_keeps_its_arm_when_the_share_grows(alice: Person) -> None:
    rollout = canary(5)
    lives = [person for person, _ in zip(of_arm(rollout, Arm.LIVE), range(30), strict=False)]
    firsts = [ask(person) for person in lives]
    ada = Person.objects.get(role="admin")
    actions.advance(ada)
    actions.advance(ada)

    assert {adapter_of(asked_again(person, first)) for person, first in zip(lives, firsts, strict=True)} == {None}
    # By now about half of them come to it, in conversations that they begin.
    assert {adapter_of(ask(person)) for person in lives} == {None, rollout.adapter}


def test_a_conversation_from_before_stays_with_what_answered_it(alice: Person) -> None:
    begun = ask(alice)
    rollout = canary(50)
    Adapter.objects.update(sha256="e" * 64)
    while True:  # a rollout that would give her the candidate
        if Canary(rollout.id, rollout.adapter, 50, rollout.salt).arm_of(alice.id) == Arm.CANDIDATE:  # type: ignore[arg-type]
            break
        rollout.salt = rollout.salt[1:] + "x"
        rollout.save()

    assert adapter_of(asked_again(alice, begun)) is None
    assert Conversation.objects.get().rollout is None
    assert adapter_of(ask(alice)) == rollout.adapter


def test_what_a_person_chose_themselves_stays(alice: Person) -> None:
    rollout = canary(50)
    person = next(of_arm(rollout, Arm.CANDIDATE))
    first = ask(person)
    Conversation.objects.update(model_choice=BASE_CHOICE)

    assert adapter_of(asked_again(person, first)) is None


def test_after_a_rollback_all_conversations_are_answered_by_what_is_live(alice: Person) -> None:
    rollout = canary(50)
    person = next(of_arm(rollout, Arm.CANDIDATE))
    first = ask(person)
    actions.roll_back(Person.objects.get(role="admin"), "It is rude.")

    assert adapter_of(asked_again(person, first)) is None
    assert adapter_of(ask(person)) is None


def test_a_candidate_for_another_base_model_is_not_tried_on_anybody(alice: Person) -> None:
    rollout = canary(50)
    person = next(of_arm(rollout, Arm.CANDIDATE))
    Worker.objects.filter(pk=worker().pk).update(base_model_sha256="1" * 64)

    assert adapter_of(ask(person)) is None
