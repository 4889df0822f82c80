"""Whoever said something about an answer sees what became of it, step by step, with times, and never who decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.utils import timezone
from pytest_django import Settings
from pytest_django.fixtures import DjangoAssertNumQueries

from assistant.accounts import actions as accounts
from assistant.chat import actions as chat
from assistant.chat import conversation_settings, organizing
from assistant.chat.actions import Accepted
from assistant.errors import AssistantError
from assistant.feedback import actions as feedback
from assistant.feedback import comparisons, reviews
from assistant.finetuning import examples, snapshots
from assistant.models import (
    Adapter,
    AskedAgain,
    Comparison,
    EvaluationRun,
    Person,
    SnapshotItem,
    TrainingRun,
)
from assistant.outcomes.life import Life, life_of, lives_of
from assistant.outcomes.news import News, news_of
from assistant.rollout.actions import promote, roll_back
from tests.assistant.learning import DOWN, UP, accept_all, answered, consenting, corrected, example
from tests.assistant.rows import finish

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _folder(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


@pytest.fixture
def ada(db: None) -> Person:
    return Person.objects.create(username="ada", email="ada@example.org", role=Person.Role.ADMIN)


@dataclass
class Correction:
    person: Person
    accepted: Accepted

    @property
    def life(self) -> Life:
        return life_of(self.person.id, self.accepted.reply_id)


@pytest.fixture
def correction(alice: Person) -> Correction:
    return Correction(alice, corrected(consenting(alice), "Where do rivers end?", "In a lake.", "In the sea."))


def train(name: str = "v1", *, split: str = "train") -> Adapter:
    """An adapter from all that is approved; chance would decide what is kept for the test."""
    examples.build()
    snapshot = snapshots.build()
    SnapshotItem.objects.update(split=split)
    adapter = Adapter.objects.create(name=name, sha256=name.ljust(64, "0"), base_model_sha256="0" * 64)
    TrainingRun.objects.create(snapshot=snapshot, adapter=adapter, state="completed", finished_at=timezone.now())
    return adapter


def evaluate(adapter: Adapter, verdict: str) -> None:
    run = adapter.training_runs.get()
    EvaluationRun.objects.create(
        adapter=adapter, training_run=run, verdict=verdict, state="completed", finished_at=timezone.now()
    )


def ask_again(message_id: UUID, adapter: Adapter, measured: str = "better") -> AskedAgain:
    return AskedAgain.objects.create(
        message_id=message_id, adapter=adapter, state="completed", measured=measured, finished_at=timezone.now()
    )


def test_a_correction_goes_its_way(correction: Correction, bob: Person, ada: Person) -> None:
    assert (correction.life.stage, correction.life.stages.review) == ("received", "pending")

    accept_all(bob)
    assert (correction.life.stage, correction.life.stages.approved) == ("accepted", "In the sea.")
    assert correction.life.stages.reviewed_at

    examples.build()
    snapshots.build()
    SnapshotItem.objects.update(split="train")
    assert correction.life.stage == "in_dataset"

    adapter = train("v7")
    life = correction.life
    assert (life.stage, life.stages.adapter) == ("trained", "v7")

    evaluate(adapter, "not_enough_evidence")
    assert (correction.life.stage, correction.life.stages.gate) == ("judged", "not_enough_evidence")

    promote(ada, adapter, "Two people asked for it.")
    assert (correction.life.stage, correction.life.stages.is_live) == ("live", True)

    ask_again(correction.accepted.reply_id, adapter)
    life = correction.life
    assert (life.stage, life.again and life.again.verdict) == ("asked_again", "better")
    times = [life.received_at, life.stages.reviewed_at, life.stages.dataset_at, life.stages.trained_at]
    times += [life.stages.judged_at, life.stages.live_at, life.again.finished_at]
    assert times == sorted(time for time in times if time)


def test_what_a_reviewer_refused_or_left_says_so(alice: Person, bob: Person, correction: Correction) -> None:
    reviews.reject(bob.id, reviews.take_next(bob.id).id, "It is a lake, really.")
    assert correction.life.stage == "declined"
    other = Correction(alice, corrected(alice, "Where do ships go?", "Home.", "To sea."))
    reviews.skip(bob.id, reviews.take_next(bob.id).id)

    assert other.life.stage == "skipped"
    assert "bob" not in repr(other.life)
    assert "really" not in repr(correction.life)


def test_an_edited_correction_shows_the_words_that_were_approved(bob: Person, correction: Correction) -> None:
    reviews.edit(bob.id, reviews.take_next(bob.id).id, "In the sea, or in a lake.")

    assert (correction.life.stages.review, correction.life.stages.approved) == ("edited", "In the sea, or in a lake.")


def withdraw_consent(correction: Correction) -> None:
    accounts.set_training_consent(correction.person.id, is_given=False)


def exclude_conversation(correction: Correction) -> None:
    conversation_settings.change_settings(
        correction.person.id, correction.accepted.conversation_id, is_training_allowed=False
    )


@pytest.mark.parametrize(
    ("change_of_mind", "use"), [(withdraw_consent, "not_consented"), (exclude_conversation, "excluded")]
)
def test_what_is_not_allowed_is_not_waited_for(
    change_of_mind: Callable[[Correction], None], use: str, bob: Person, correction: Correction
) -> None:
    accept_all(bob)
    change_of_mind(correction)

    assert (correction.life.stage, correction.life.use) == ("not_allowed", use)


def test_what_is_held_back_says_so_in_words_that_teach_no_trick(alice: Person) -> None:
    """A thumb of somebody who came today counts nothing yet."""
    accepted = answered(consenting(alice))
    feedback.give(alice.id, accepted.reply_id, UP)
    example("What is bread?", "Flour and water.").save()
    train()

    life = life_of(alice.id, accepted.reply_id)

    assert (life.stage, life.stages.held) == ("held", "share")


def test_what_was_kept_for_the_test_is_not_called_learned(bob: Person, correction: Correction) -> None:
    accept_all(bob)
    examples.build()
    snapshots.build()
    SnapshotItem.objects.update(split="test")

    assert correction.life.stage == "held_out"


def test_what_was_rolled_back_is_no_longer_live(bob: Person, ada: Person, correction: Correction) -> None:
    accept_all(bob)
    promote(ada, train(), "Try it.")
    roll_back(ada, "It insults people.")

    assert correction.life.stage == "was_live"


def test_a_thumb_needs_no_review(alice: Person) -> None:
    accepted = answered(consenting(alice))
    feedback.give(alice.id, accepted.reply_id, UP)

    life = life_of(alice.id, accepted.reply_id)

    assert (life.stage, life.stages.review) == ("received", "")


def test_a_vote_between_two_answers_has_a_life_of_its_own(alice: Person) -> None:
    left = answered(consenting(alice))
    right = chat.regenerate(alice.id, left.reply_id)
    finish(right, "In the sea.")
    comparisons.vote(alice.id, left.reply_id, right.reply_id, Comparison.Verdict.RIGHT)
    feedback.give(alice.id, right.reply_id, UP)
    train()

    thumb, vote = lives_of(alice.id).items

    assert (thumb.kind, thumb.stage) == ("feedback", "held")
    assert (vote.kind, vote.stage, vote.verdict) == ("comparison", "trained", "right")
    assert (vote.answer, vote.other) == ("In a lake.", "In the sea.")


def test_the_list_is_paged_and_reads_many_as_fast_as_one(
    alice: Person, bob: Person, ada: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(7):
        corrected(consenting(alice), f"Where does river number {number * 7919} end?", "In a lake.", f"At {number}.")
    accept_all(bob)
    promote(ada, train(), "Try it.")

    with django_assert_num_queries(10):
        first = lives_of(alice.id, limit=2)
    with django_assert_num_queries(10):
        rest = lives_of(alice.id, first.next_cursor, limit=5)

    assert [life.correction for life in first.items + rest.items] == [f"At {number}." for number in range(6, -1, -1)]
    assert rest.next_cursor is None
    assert {life.stage for life in rest.items} == {"live"}
    with pytest.raises(AssistantError, match=r"page\.invalid_cursor"):
        lives_of(alice.id, "made up")


def test_it_shows_nothing_of_others_or_of_what_was_deleted(charlie: Person, correction: Correction) -> None:
    assert lives_of(charlie.id).items == []
    with pytest.raises(AssistantError, match=r"message\.not_found"):
        life_of(charlie.id, correction.accepted.reply_id)
    organizing.delete(correction.person.id, correction.accepted.conversation_id)
    assert lives_of(correction.person.id).items == []


# The notice


def seen(person: Person) -> Person:
    Person.objects.filter(pk=person.pk).update(outcomes_seen_at=timezone.now())
    person.refresh_from_db()
    return person


def test_a_person_is_told_once_that_their_words_are_live(
    alice: Person, bob: Person, charlie: Person, ada: Person, correction: Correction
) -> None:
    accept_all(bob)
    adapter = train("v7")
    assert news_of(alice) is None

    promote(ada, adapter, "Try it.")

    assert news_of(alice) == News("live", 1, "v7")
    assert news_of(charlie) is None
    assert news_of(seen(alice)) is None


def test_the_next_adapter_is_no_news_to_who_was_told_of_the_first(
    alice: Person, bob: Person, ada: Person, correction: Correction
) -> None:
    accept_all(bob)
    promote(ada, train("v7"), "Try it.")
    seen(alice)
    corrected(alice, "What is bread?", "Stone.", "Flour and water.")
    accept_all(bob)

    promote(ada, train("v8"), "Try this.")

    assert news_of(alice) == News("live", 1, "v8")  # of the bread alone


def test_what_was_only_tested_by_their_words_is_not_called_live(
    alice: Person, bob: Person, ada: Person, correction: Correction
) -> None:
    accept_all(bob)

    promote(ada, train(split="test"), "Try it.")

    assert news_of(alice) is None


def test_a_person_is_told_that_their_question_was_asked_again(
    alice: Person, bob: Person, correction: Correction
) -> None:
    accept_all(bob)
    first, second = train("v7"), Adapter.objects.create(name="v8", sha256="8" * 64, base_model_sha256="0" * 64)
    ask_again(correction.accepted.reply_id, first)

    assert news_of(alice) == News("asked_again", 1, "v7", "better")
    seen(alice)
    ask_again(correction.accepted.reply_id, second)

    assert news_of(alice) is None  # v8 does as well as v7 did


def test_a_refusal_is_told_unless_it_was_undone_or_the_words_changed(
    alice: Person, bob: Person, correction: Correction
) -> None:
    review = reviews.take_next(bob.id)
    reviews.reject(bob.id, review.id, "No.")
    assert news_of(alice) == News("declined", 1)
    reviews.undo(bob.id, review.id)
    assert news_of(alice) is None
    reviews.reject(bob.id, review.id, "No.")

    feedback.give(alice.id, correction.accepted.reply_id, DOWN, ["incorrect"], "", "In the ocean.")

    assert news_of(alice) is None


def test_what_happened_before_a_person_came_is_no_news(alice: Person, bob: Person, correction: Correction) -> None:
    reviews.reject(bob.id, reviews.take_next(bob.id).id, "No.")
    Person.objects.filter(pk=alice.pk).update(date_joined=timezone.now() + timedelta(minutes=1))
    alice.refresh_from_db()

    assert news_of(alice) is None
