"""The review queue: what comes into it, who may take it, and that nothing is read or decided without a trace."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from assistant.accounts import actions as accounts
from assistant.audit import chain
from assistant.chat import actions as chat
from assistant.chat import organizing
from assistant.errors import AssistantError
from assistant.feedback import actions, comparisons, reviews
from assistant.models import AuditEvent, Comparison, Feedback, Person, Review
from tests.assistant.learning import DOWN, UP, answered, consenting, corrected
from tests.assistant.rows import finish
from tests.conftest import ask

State = Review.State


@pytest.fixture
def correction(alice: Person) -> Review:
    """Alice says what the reply should have been."""
    corrected(consenting(alice), "Where do rivers end?", "In a lake.", "In the sea.")
    return Review.objects.get()


@pytest.fixture
def carol(db: None) -> Person:
    return Person.objects.create(username="carol", email="carol@example.org", role=Person.Role.REVIEWER)


def causes() -> list[str]:
    return [Review.Cause(cause).label for cause in Review.objects.order_by("id").values_list("cause", flat=True)]


def take(person: Person, **which: Any) -> UUID:
    review = reviews.take_next(person.id, **which)
    assert review
    return review.id


# What comes in


@pytest.mark.parametrize(
    ("rating", "reasons", "text", "expected"),
    [
        (DOWN, [], "In the sea.", ["correction"]),
        (DOWN, ["incorrect"], "", ["incorrect"]),
        (DOWN, ["unsafe", "incorrect"], "In the sea.", ["unsafe"]),
        (DOWN, ["too_long"], "", []),
        (UP, ["clear"], "", []),
    ],
)
def test_what_somebody_must_judge_comes_into_the_queue(
    alice: Person, rating: Feedback.Rating, reasons: list[str], text: str, expected: list[str]
) -> None:
    actions.give(alice.id, answered(consenting(alice)).reply_id, rating, reasons, "", text)

    assert causes() == expected


def test_without_consent_only_what_was_called_unsafe_comes_in(alice: Person) -> None:
    actions.give(alice.id, answered(alice).reply_id, DOWN, ["incorrect"], "", "In the sea.")
    actions.give(alice.id, answered(alice).reply_id, DOWN, ["unsafe"])

    assert causes() == ["unsafe"]


def test_nothing_of_a_temporary_chat_comes_in(alice: Person) -> None:
    accepted = ask(consenting(alice), is_temporary=True)
    finish(accepted, "Hi")

    actions.give(alice.id, accepted.reply_id, DOWN, ["unsafe"], "", "Hello")

    assert causes() == []


def test_a_person_who_contradicts_themselves_is_looked_at(alice: Person) -> None:
    left = answered(consenting(alice))
    right = chat.regenerate(alice.id, left.reply_id)
    finish(right, "In the sea.")
    actions.give(alice.id, left.reply_id, DOWN, ["too_short"])
    assert causes() == []

    comparisons.vote(alice.id, left.reply_id, right.reply_id, Comparison.Verdict.LEFT)

    assert causes() == ["disagreement"]


def test_what_is_taken_back_before_anybody_judged_it_leaves_the_queue(alice: Person, correction: Review) -> None:
    actions.withdraw(alice.id, correction.message_id)

    assert not Review.objects.exists()


def test_the_same_words_again_are_no_second_review_and_other_words_are(
    alice: Person, bob: Person, correction: Review
) -> None:
    reviews.accept(bob.id, take(bob))

    actions.give(alice.id, correction.message_id, DOWN, ["incorrect"], "A comment", "In the sea.")
    assert Review.objects.count() == 1
    actions.give(alice.id, correction.message_id, DOWN, ["incorrect"], "", "In the ocean.")

    assert list(Review.objects.order_by("id").values_list("state", flat=True)) == ["accepted", "pending"]


# Who may take it


def test_the_most_urgent_comes_first(alice: Person, bob: Person, correction: Review) -> None:
    actions.give(alice.id, answered(alice).reply_id, DOWN, ["unsafe"])

    assert take(bob) == Review.objects.get(cause=Review.Cause.UNSAFE).id


def test_who_has_taken_one_gets_the_same_until_it_is_decided(bob: Person, correction: Review) -> None:
    assert take(bob) == take(bob) == correction.id
    reviews.skip(bob.id, correction.id)

    assert reviews.take_next(bob.id) is None


def test_one_review_is_in_one_pair_of_hands_until_its_time_is_over(
    bob: Person, carol: Person, correction: Review
) -> None:
    take(bob)
    assert reviews.take_next(carol.id) is None
    Review.objects.update(assigned_until=timezone.now() - timedelta(seconds=1))

    assert take(carol) == correction.id
    with pytest.raises(AssistantError, match=r"review\.not_held"):
        reviews.accept(bob.id, correction.id)


def test_the_next_is_taken_beside_the_one_that_is_looked_at_and_no_third(
    alice: Person, bob: Person, carol: Person, correction: Review
) -> None:
    for question in ("Where do clouds end?", "Where do roads end?"):
        corrected(alice, question, "Here.", "Nowhere.")
    first = take(bob)
    second = take(bob, without=[first])

    assert take(bob) == first
    assert take(bob, without=[first]) == second
    assert reviews.take_next(bob.id, without=[first, second]) is None
    assert take(carol) not in (first, second)


def test_of_one_cause_alone_the_others_are_given_back(
    alice: Person, bob: Person, carol: Person, correction: Review
) -> None:
    actions.give(alice.id, answered(alice).reply_id, DOWN, ["incorrect"])
    assert take(bob) == correction.id

    assert take(bob, cause=Review.Cause.INCORRECT) != correction.id
    assert take(carol) == correction.id


def test_what_is_given_back_anybody_may_take(bob: Person, carol: Person, correction: Review) -> None:
    reviews.give_back(bob.id, take(bob))

    with pytest.raises(AssistantError, match=r"review\.not_held"):
        reviews.give_back(bob.id, correction.id)
    assert take(carol) == correction.id


def test_one_that_is_chosen_is_taken_unless_others_have_it(bob: Person, carol: Person, correction: Review) -> None:
    assert reviews.take(bob.id, correction.id) == correction
    with pytest.raises(AssistantError, match=r"review\.taken"):
        reviews.take(carol.id, correction.id)
    Review.objects.update(assigned_until=timezone.now() - timedelta(seconds=1))
    # Its time ran out while it was edited, and nobody else has come.
    assert reviews.take(bob.id, correction.id) == correction

    reviews.accept(bob.id, correction.id)

    with pytest.raises(AssistantError, match=r"review\.taken"):
        reviews.take(bob.id, correction.id)


def test_only_reviewers_and_administrators_may(alice: Person, charlie: Person, correction: Review) -> None:
    for act in (
        lambda: reviews.take_next(charlie.id),
        lambda: reviews.take(charlie.id, correction.id),
        lambda: reviews.give_back(charlie.id, correction.id),
        lambda: reviews.read_transcript(charlie.id, correction.id, "Curious"),
        lambda: reviews.accept(charlie.id, correction.id),
        lambda: reviews.edit(charlie.id, correction.id, "Mine"),
        lambda: reviews.reject(charlie.id, correction.id, "No"),
        lambda: reviews.skip(charlie.id, correction.id),
        lambda: reviews.undo(charlie.id, correction.id),
    ):
        with pytest.raises(AssistantError, match=r"request\.not_allowed"):
            act()
    assert Review.objects.get().state == State.PENDING
    assert not AuditEvent.objects.exists()


def test_nobody_judges_their_own_words(alice: Person, bob: Person, correction: Review) -> None:
    Person.objects.filter(pk=alice.pk).update(role=Person.Role.ADMIN)

    assert reviews.take_next(alice.id) is None
    Review.objects.update(assigned_to=alice, assigned_until=timezone.now() + timedelta(hours=1))
    with pytest.raises(AssistantError, match=r"review\.not_held"):
        reviews.accept(alice.id, correction.id)


def test_what_is_no_longer_consented_to_leaves_the_hands_it_is_in(
    alice: Person, bob: Person, correction: Review
) -> None:
    take(bob)
    accounts.set_training_consent(alice.id, is_given=False)

    with pytest.raises(AssistantError, match=r"review\.not_held"):
        reviews.read_transcript(bob.id, correction.id, "Correction")
    assert reviews.take_next(bob.id) is None


def test_what_is_deleted_is_not_read(alice: Person, bob: Person, correction: Review) -> None:
    take(bob)
    organizing.delete(alice.id, correction.conversation_id)

    with pytest.raises(AssistantError, match=r"review\.not_held"):
        reviews.read_transcript(bob.id, correction.id, "Correction")


# Reading and deciding


def test_a_transcript_is_read_with_a_reason_that_is_kept(bob: Person, correction: Review) -> None:
    take(bob)

    transcript = reviews.read_transcript(bob.id, correction.id, " Alice  corrected it ")

    assert transcript.messages == [("user", "Where do rivers end?"), ("assistant", "In a lake.")]
    assert (transcript.rating, transcript.correction) == ("down", "In the sea.")
    event = AuditEvent.objects.get()
    assert (event.actor, event.action, event.reason) == (bob, "transcript.read", "Alice corrected it")
    assert event.object_id == str(correction.conversation_id)


def test_without_a_reason_or_without_holding_it_nothing_is_read(bob: Person, carol: Person, correction: Review) -> None:
    take(bob)

    with pytest.raises(AssistantError, match=r"review\.reason_missing"):
        reviews.read_transcript(bob.id, correction.id, "  ")
    with pytest.raises(AssistantError, match=r"review\.not_held"):
        reviews.read_transcript(carol.id, correction.id, "Curious")
    assert not AuditEvent.objects.exists()


def test_an_accepted_correction_is_kept_as_it_was(alice: Person, bob: Person, correction: Review) -> None:
    reviews.accept(bob.id, take(bob))
    actions.give(alice.id, correction.message_id, DOWN, [], "", "Something else")

    decided = Review.objects.get(pk=correction.pk)
    assert (decided.state, decided.answer, decided.is_edited) == ("accepted", "In the sea.", False)
    assert (decided.reviewer, decided.second_reviewer) == (bob, None)
    assert decided.decided_at


def test_edit_and_reject_decide_and_leave_an_audit_event_without_the_text(
    alice: Person, bob: Person, correction: Review
) -> None:
    reviews.edit(bob.id, take(bob), "In the sea, or in a lake.")
    actions.give(alice.id, answered(alice).reply_id, DOWN, ["incorrect"])
    reviews.reject(bob.id, take(bob), "It was right")

    assert list(Review.objects.order_by("id").values_list("state", "answer", "reason")) == [
        ("edited", "In the sea, or in a lake.", ""),
        ("rejected", "", "It was right"),
    ]
    events = list(AuditEvent.objects.order_by("number"))
    assert [event.action for event in events] == ["review.edited", "review.rejected"]
    assert [event.after["state"] for event in events] == ["edited", "rejected"]
    assert not any("sea" in str(event.before) + str(event.after) for event in events)
    assert chain.verify().broken_at is None


def test_undo_puts_it_back_into_the_same_hands(bob: Person, carol: Person, correction: Review) -> None:
    reviews.edit(bob.id, take(bob), "In the sea, or in a lake.")
    with pytest.raises(AssistantError, match=r"request\.not_allowed"):
        reviews.undo(carol.id, correction.id)

    reviews.undo(bob.id, correction.id)

    undone = Review.objects.get()
    assert (undone.state, undone.answer, undone.reviewer, undone.decided_at) == ("pending", "", None, None)
    assert take(bob) == correction.id


def test_an_administrator_undoes_what_others_decided(bob: Person, carol: Person, correction: Review) -> None:
    reviews.accept(bob.id, take(bob))
    Person.objects.filter(pk=carol.pk).update(role=Person.Role.ADMIN)

    assert reviews.undo(carol.id, correction.id).state == State.PENDING


def test_nobody_undoes_what_was_decided_about_their_own_words(alice: Person, bob: Person, correction: Review) -> None:
    reviews.reject(bob.id, take(bob), "Wrong")
    Person.objects.filter(pk=alice.pk).update(role=Person.Role.ADMIN)

    with pytest.raises(AssistantError, match=r"request\.not_allowed"):
        reviews.undo(alice.id, correction.id)


def test_what_something_newer_was_said_about_cannot_be_undone(alice: Person, bob: Person, correction: Review) -> None:
    reviews.accept(bob.id, take(bob))
    actions.give(alice.id, correction.message_id, DOWN, [], "", "Something else")

    with pytest.raises(AssistantError, match=r"review\.superseded"):
        reviews.undo(bob.id, correction.id)


def test_what_nobody_decided_cannot_be_undone(bob: Person, correction: Review) -> None:
    with pytest.raises(AssistantError, match=r"review\.not_found"):
        reviews.undo(bob.id, correction.id)


# Two reviewers


def test_with_two_needed_a_second_one_approves_what_the_first_did(
    bob: Person, carol: Person, correction: Review, settings: Settings
) -> None:
    settings.REVIEW_NEEDS_TWO = True
    reviews.accept(bob.id, take(bob))
    assert Review.objects.get().state == State.PENDING
    assert reviews.take_next(bob.id) is None

    take(carol)
    transcript = reviews.read_transcript(carol.id, correction.id, "Second look")
    assert (transcript.approved, transcript.approved_by) == ("In the sea.", "bob@example.org")
    reviews.accept(carol.id, correction.id)

    decided = Review.objects.get()
    assert (decided.state, decided.reviewer, decided.second_reviewer) == ("accepted", bob, carol)
    assert decided.answer == "In the sea."


def test_a_second_one_who_edits_is_the_first_to_approve_the_new_text(
    bob: Person, carol: Person, correction: Review, settings: Settings
) -> None:
    settings.REVIEW_NEEDS_TWO = True
    reviews.accept(bob.id, take(bob))
    reviews.edit(carol.id, take(carol), "In the sea, or in a lake.")
    assert Review.objects.get().state == State.PENDING

    reviews.accept(bob.id, take(bob))

    decided = Review.objects.get()
    assert (decided.state, decided.reviewer, decided.second_reviewer) == ("edited", carol, bob)


def test_what_the_first_approved_is_void_when_the_person_says_something_else(
    alice: Person, bob: Person, correction: Review, settings: Settings
) -> None:
    settings.REVIEW_NEEDS_TWO = True
    reviews.accept(bob.id, take(bob))

    actions.give(alice.id, correction.message_id, DOWN, [], "", "Something else")

    assert (Review.objects.get().reviewer, Review.objects.get().answer) == (None, "")
    assert take(bob) == correction.id


# Any number of reviewers at once


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["next", "give_back", "skip", "undo", "expire"])), max_size=15)
)
def test_whatever_they_do_no_review_is_in_two_hands_and_nobody_holds_three(
    alice: Person, bob: Person, carol: Person, steps: list[tuple[bool, str]]
) -> None:
    Review.objects.all().delete()
    for number in range(4):
        corrected(consenting(alice), f"Question {number}?", "No.", "Yes.")
    holds: dict[UUID, set[UUID]] = {bob.id: set(), carol.id: set()}

    def skipped_by(person: Person) -> UUID | None:
        rows = Review.objects.filter(state=State.SKIPPED, reviewer=person)
        return rows.values_list("id", flat=True).first()

    for is_bob, act in steps:
        person = bob if is_bob else carol
        mine = holds[person.id]
        if act == "next":
            taken = reviews.take_next(person.id, without=mine)
            mine |= {taken.id} if taken else set()
        elif act == "expire":
            Review.objects.filter(pk__in=mine).update(assigned_until=timezone.now() - timedelta(seconds=1))
            mine.clear()
        elif act == "undo" and len(mine) < reviews.MAX_HELD and (undone := skipped_by(person)):
            mine.add(reviews.undo(person.id, undone).id)
        elif act in ("give_back", "skip") and mine:
            {"give_back": reviews.give_back, "skip": reviews.skip}[act](person.id, mine.pop())

        assert not holds[bob.id] & holds[carol.id]
        assert all(len(held) <= reviews.MAX_HELD for held in holds.values())
        for owner, held in holds.items():
            for id_ in held:
                assert reviews.held(owner, id_)
