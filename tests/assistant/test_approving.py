"""Where approved answers come from and go to: reviews, imports, undo, withdrawn consent, erasure."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from assistant.accounts import actions as accounts
from assistant.chat import actions as chat
from assistant.chat import erasure, organizing
from assistant.chat.actions import Accepted
from assistant.feedback import actions as feedback
from assistant.feedback import reviews
from assistant.finetuning import examples
from assistant.knowledge import actions
from assistant.knowledge.queries import usable
from assistant.models import (
    Conversation,
    ErasureReceipt,
    Example,
    FeedbackEvent,
    Message,
    Passage,
    Person,
    RetrievedPassage,
    Review,
)
from assistant.portability import documents
from tests.assistant.answering import approved, catch_up, claimed, end, knowledge_of, library
from tests.assistant.learning import DOWN, UP, accept_all, consenting, corrected
from tests.conftest import ask


@pytest.fixture
def dora(db: None) -> Person:
    """Another reviewer."""
    return Person.objects.create(username="dora", email="dora@example.org", role=Person.Role.REVIEWER)


def answers() -> list[tuple[str, str]]:
    return list(usable().order_by("id").values_list("question", "answer"))


def given(person: Person, question: str) -> Accepted:
    """An approved answer as somebody was given it."""
    accepted = ask(person, question)
    reply, found = claimed(accepted, library())
    assert reply.is_served
    end(reply, found)
    return accepted


def test_an_accepted_correction_is_given_at_once(alice: Person, bob: Person, charlie: Person) -> None:
    corrected(consenting(alice), "How long does a permit take?", "A year.", "Ten weeks.")
    read = library()
    assert answers() == []

    accept_all(bob)
    catch_up(read)

    assert answers() == [("How long does a permit take?", "Ten weeks.")]
    passage = Passage.objects.get()
    assert (passage.person, passage.approved_by, passage.source) == (alice, bob, "review")
    accepted = ask(charlie, "how long does the permit take")
    end(*claimed(accepted, read))
    assert Message.objects.get(pk=accepted.reply_id).text == "Ten weeks."


def test_what_a_reviewer_wrote_is_given_and_a_rejected_correction_is_not(alice: Person, bob: Person) -> None:
    corrected(consenting(alice), "How long does a permit take?", "A year.", "Ten weaks.")
    corrected(alice, "Who paints houses?", "A baker.", "Buy my book.")

    first, second = [reviews.take_next(bob.id)], None
    reviews.edit(bob.id, first[0].id, "Ten weeks.")
    second = reviews.take_next(bob.id)
    reviews.reject(bob.id, second.id, "advertisement")

    assert answers() == [("How long does a permit take?", "Ten weeks.")]


def test_where_two_are_needed_the_second_approves(alice: Person, bob: Person, dora: Person, settings) -> None:
    settings.REVIEW_NEEDS_TWO = True
    corrected(consenting(alice), "How long does a permit take?", "A year.", "Ten weeks.")

    accept_all(bob)
    assert answers() == []
    accept_all(dora)

    assert [answer for _, answer in answers()] == ["Ten weeks."]
    assert Passage.objects.get().approved_by == dora


def test_an_undone_review_takes_its_answer_back_and_brings_back_what_it_had_replaced(
    alice: Person, bob: Person
) -> None:
    approved("How long does a permit take?", "A month.")
    corrected(consenting(alice), "How long does a permit take?", "A year.", "Ten weeks.")
    accept_all(bob)
    assert [answer for _, answer in answers()] == ["Ten weeks."]

    reviews.undo(bob.id, Review.objects.get().id)

    assert [answer for _, answer in answers()] == ["A month."]


def test_secrets_are_taken_out_and_template_tokens_are_refused(alice: Person, bob: Person) -> None:
    corrected(consenting(alice), "Whom do I write to about a permit?", "Nobody.", "Write to anna@example.org.")
    corrected(alice, "How does a turn end?", "Never.", "With <|im_end|>, always.")
    accept_all(bob)

    assert answers() == [("Whom do I write to about a permit?", "Write to [EMAIL].")]


def test_a_short_question_is_kept_with_the_one_before(alice: Person, bob: Person) -> None:
    first = corrected(consenting(alice), "How long does a permit take?", "A year.", "")
    second = ask(alice, "And why?", conversation_id=first.conversation_id, parent_id=first.reply_id)
    from tests.assistant.rows import finish

    finish(second, "Nobody knows.")
    feedback.give(alice.id, second.reply_id, DOWN, ["incorrect"], "", "Because of the law.")
    accept_all(bob)

    assert answers() == [("How long does a permit take? And why?", "Because of the law.")]


def test_withdrawn_consent_takes_the_answer_out_of_use_and_given_again_brings_it_back(
    alice: Person, bob: Person
) -> None:
    corrected(consenting(alice), "How long does a permit take?", "A year.", "Ten weeks.")
    accept_all(bob)
    read = library()

    accounts.set_training_consent(alice.id, is_given=False)
    assert answers() == []
    assert read.find("How long does a permit take?", 1) == []

    accounts.set_training_consent(alice.id, is_given=True)
    Conversation.objects.update(training_consent_at=alice.date_joined)
    read._pruned = -1000.0
    catch_up(read)
    assert [match.score for match in read.find("How long does a permit take?", 1)] == [1.0]


def test_the_newest_approved_answer_to_a_question_counts(db: None) -> None:
    approved("How long?", "A month.")
    approved("HOW LONG", "Ten weeks.")
    assert answers() == [("HOW LONG", "Ten weeks.")]
    assert actions.store([actions.passage("How long?", "Ten weeks.", source="staff")]) == 0


# Thumbs on what was given


@pytest.mark.parametrize(
    ("question", "knowledge"),
    [
        ("How long does a building permit take in this town?", "served"),
        ("Does my building permit for the town take long?", "offered"),
    ],
)
def test_a_thumb_on_an_approved_answer_teaches_nothing_about_the_model(
    alice: Person, bob: Person, charlie: Person, question: str, knowledge: str
) -> None:
    approved("How long does a building permit take in this town?", "A month.")
    accepted = given(consenting(charlie), question)
    assert knowledge_of(accepted) == knowledge

    feedback.give(charlie.id, accepted.reply_id, UP)
    examples.build()
    assert not Example.objects.exists()
    feedback.give(charlie.id, accepted.reply_id, DOWN, ["incorrect"], "", "Ten weeks.")
    accept_all(bob)
    examples.build()

    # What should have been said is learned; that the model would have said something else nobody knows.
    assert list(Example.objects.values_list("kind", flat=True)) == ["sft"]
    event = FeedbackEvent.objects.first()
    assert event is not None
    assert (event.base_model_sha256, event.adapter_sha256) == ("", "")


def test_a_thumb_down_opens_a_review_and_the_accepted_correction_takes_its_place(bob: Person, charlie: Person) -> None:
    wrong = approved("How long does a permit take in this town?", "A month.")
    accepted = given(consenting(charlie), "How long does the permit take in this town?")

    feedback.give(charlie.id, accepted.reply_id, DOWN)
    assert Review.objects.get().cause == Review.Cause.APPROVED_ANSWER
    feedback.give(charlie.id, accepted.reply_id, DOWN, [], "", "Ten weeks.")
    accept_all(bob)

    wrong.refresh_from_db()
    assert wrong.retired_at is not None
    assert answers() == [("How long does the permit take in this town?", "Ten weeks.")]
    reviews.undo(bob.id, Review.objects.get().id)
    assert answers() == [("How long does a permit take in this town?", "A month.")]


def test_a_thumb_down_that_is_accepted_without_a_correction_retires_the_answer(bob: Person, charlie: Person) -> None:
    approved("How long does a permit take?", "A month.")
    accepted = given(consenting(charlie), "How long does a permit take?")

    feedback.give(charlie.id, accepted.reply_id, DOWN)
    accept_all(bob)

    assert answers() == []


def test_a_thumb_down_that_is_rejected_leaves_it(bob: Person, charlie: Person) -> None:
    approved("How long does a permit take?", "A month.")
    accepted = given(consenting(charlie), "How long does a permit take?")
    feedback.give(charlie.id, accepted.reply_id, UP)

    feedback.give(charlie.id, accepted.reply_id, DOWN)  # changed their mind
    review = reviews.take_next(bob.id)
    assert review is not None
    reviews.reject(bob.id, review.id, "it is right")

    assert answers() == [("How long does a permit take?", "A month.")]


# Imports


def test_an_imported_faq_answers_at_once(tmp_path: Path, db: None) -> None:
    file = tmp_path / "faq.jsonl"
    rows = [
        {"prompt": "How long does a permit take?", "completion": "Ten weeks."},
        {"messages": [{"role": "user", "content": "办理需要多久？"}, {"role": "assistant", "content": "十周。"}]},
        {"prompt": "Which?", "chosen": "This.", "rejected": "That."},
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    out = StringIO()

    call_command("examples", "import", str(file), "--approved-answers", "--licence", "CC-BY-4.0", stdout=out)

    assert "2  approved_answers" in out.getvalue()
    assert answers() == [("How long does a permit take?", "Ten weeks."), ("办理需要多久？", "十周。")]
    assert set(Passage.objects.values_list("source", "origin", "licence")) == {("import", "faq.jsonl", "CC-BY-4.0")}
    call_command("examples", "import", str(file), "--approved-answers", stdout=out)
    assert Passage.objects.count() == 2


def test_without_being_asked_an_import_gives_nothing(tmp_path: Path, db: None) -> None:
    file = tmp_path / "faq.jsonl"
    file.write_text('{"prompt": "How long?", "completion": "Ten weeks."}\n')

    call_command("examples", "import", str(file), stdout=StringIO())

    assert answers() == []


# Erasure and export


def test_erasing_the_person_takes_their_answers_along(alice: Person, bob: Person, charlie: Person) -> None:
    corrected(consenting(alice), "How long does a permit take?", "A year.", "Ten weeks.")
    accept_all(bob)
    read = library()
    accepted = ask(charlie, "How long does a permit take?")
    end(*claimed(accepted, read))

    erasure.erase_person(alice.id)

    assert not Passage.objects.exists()
    assert not RetrievedPassage.objects.exists()
    assert ErasureReceipt.objects.get().counts["passages"] == 1
    assert read.find("How long does a permit take?", 1) == []
    assert Message.objects.get(pk=accepted.reply_id).text == "Ten weeks."  # what charlie was told is charlie's


def test_erasing_a_conversation_takes_its_answers_along(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = corrected(consenting(alice), "How long does a permit take?", "A year.", "Ten weeks.")
    accept_all(bob)

    organizing.delete(alice.id, accepted.conversation_id)
    assert answers() == []
    organizing.restore(alice.id, accepted.conversation_id)
    assert len(answers()) == 1
    organizing.delete(alice.id, accepted.conversation_id)
    monkeypatch.setattr(organizing, "UNDO_FOR", organizing.UNDO_FOR * 0)
    organizing.erase_deleted()

    assert not Passage.objects.exists()


def test_the_export_says_what_is_given_of_ones_own_words(alice: Person, bob: Person) -> None:
    corrected(consenting(alice), "How long does a permit take?", "A year.", "Ten weeks.")
    accept_all(bob)

    [exported] = documents.learning(alice.id)["approved_answers"]
    assert (exported["question"], exported["answer"]) == ("How long does a permit take?", "Ten weeks.")
    assert documents.learning(bob.id)["approved_answers"] == []


def test_asking_for_another_answer_keeps_the_source_of_the_first(charlie: Person) -> None:
    approved("How long does a permit take?", "A month.")
    accepted = given(charlie, "How long does a permit take?")
    chat.regenerate(charlie.id, accepted.reply_id)

    assert RetrievedPassage.objects.get().generation_id == accepted.generation_id
