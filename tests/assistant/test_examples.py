"""What people said about replies becomes examples: which, with which weight, and only as long as it may."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.utils import timezone

from assistant.accounts import actions as accounts
from assistant.chat import actions as chat
from assistant.chat import conversation_settings, organizing
from assistant.chat.actions import Accepted
from assistant.feedback import actions, comparisons, reviews
from assistant.finetuning import examples
from assistant.models import AuditEvent, Comparison, Example, Feedback, Generation, Message, Person, Review
from tests.assistant.learning import DOWN, UP, accept_all, answered, consenting, corrected
from tests.assistant.rows import finish
from tests.conftest import ask

Row = tuple[str, str, str, float, str]


def built() -> list[Row]:
    """(source, kind, status, weight, what is to be said) of all examples."""
    examples.build()
    return [
        (row.source, row.kind, row.status, row.base_weight, (row.chosen or row.completion)[-1]["content"])
        for row in Example.objects.order_by("id")
    ]


def turn(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


@pytest.fixture
def correction(alice: Person) -> Accepted:
    return corrected(consenting(alice), "Where do rivers end?", "In a lake.", "In the sea.")


def test_a_correction_waits_for_a_reviewer(correction: Accepted) -> None:
    assert built() == [
        ("correction", "sft", "pending", 0.6, "In the sea."),
        ("correction", "preference", "pending", 0.6, "In the sea."),
    ]


def test_an_accepted_correction_is_learned_from_with_what_it_came_from(
    alice: Person, bob: Person, correction: Accepted
) -> None:
    built()
    accept_all(bob)

    assert [row[2] for row in built()] == ["approved", "approved"]
    sft, pair = Example.objects.order_by("id")
    assert [said["role"] for said in sft.prompt] == ["system", "user"]
    assert sft.prompt[-1] == turn("user", "Where do rivers end?")
    assert (pair.chosen, pair.rejected) == ([turn("assistant", "In the sea.")], [turn("assistant", "In a lake.")])
    assert (sft.person, sft.conversation_id, sft.message_id) == (
        *(alice, correction.conversation_id, correction.reply_id),
    )
    assert sorted(sft.events.values_list("kind", flat=True)) == ["correction", "thumb"]


def test_what_a_reviewer_wrote_is_gold(bob: Person, correction: Accepted) -> None:
    reviews.take_next(bob.id)
    reviews.edit(bob.id, Review.objects.get().id, "In the sea, or in a lake.")

    assert built() == [
        ("gold", "sft", "approved", 1.0, "In the sea, or in a lake."),
        ("gold", "preference", "approved", 1.0, "In the sea, or in a lake."),
    ]


@pytest.mark.parametrize(("verb", "status"), [("reject", "rejected"), ("skip", "held")])
def test_what_was_not_approved_is_not_learned_from(bob: Person, correction: Accepted, verb: str, status: str) -> None:
    review = reviews.take_next(bob.id)
    assert review
    if verb == "reject":
        reviews.reject(bob.id, review.id, "Wrong")
    else:
        reviews.skip(bob.id, review.id)

    assert {row[2] for row in built()} == {status}


def test_an_undone_decision_is_undone_here_too(bob: Person, correction: Accepted) -> None:
    accept_all(bob)
    built()

    reviews.undo(bob.id, Review.objects.get().id)

    assert {row[2] for row in built()} == {"pending"}


@pytest.mark.parametrize(
    ("rating", "reasons", "weight"),
    [(UP, [], 0.2), (DOWN, ["too_long"], 0.2), (DOWN, ["incorrect"], 0.3), (DOWN, ["unsafe"], 0.3)],
)
def test_a_thumb_is_a_label(alice: Person, rating: Feedback.Rating, reasons: list[str], weight: float) -> None:
    actions.give(alice.id, answered(consenting(alice)).reply_id, rating, reasons)

    assert built() == [("rating", "unpaired", "approved", weight, "In a lake.")]
    assert Example.objects.get().label == (rating == UP)


def test_a_thumb_that_a_reviewer_found_wrong_is_rejected(alice: Person, bob: Person) -> None:
    actions.give(alice.id, answered(consenting(alice)).reply_id, DOWN, ["incorrect"])
    review = reviews.take_next(bob.id)
    assert review
    reviews.reject(bob.id, review.id, "It was right")

    assert [row[2] for row in built()] == ["rejected"]


def two_answers(person: Person) -> tuple[Accepted, Accepted]:
    left = answered(person)
    right = chat.regenerate(person.id, left.reply_id)
    finish(right, "In the sea.")
    return left, right


@pytest.mark.parametrize(
    ("verdict", "chosen"),
    [("left", ["In a lake."]), ("right", ["In the sea."]), ("tie", []), ("neither", [])],
)
def test_a_vote_is_a_pair(alice: Person, verdict: str, chosen: list[str]) -> None:
    left, right = two_answers(consenting(alice))
    comparisons.vote(alice.id, left.reply_id, right.reply_id, Comparison.Verdict(verdict))

    assert built() == [("comparison", "preference", "approved", 0.5, text) for text in chosen]


def test_a_pick_is_a_pair_beside_its_two_thumbs(alice: Person) -> None:
    left, right = two_answers(consenting(alice))
    actions.give(alice.id, left.reply_id, DOWN)
    actions.give(alice.id, right.reply_id, UP)

    assert ("regenerate_pick", "preference", "approved", 0.4, "In the sea.") in built()
    assert Example.objects.count() == 3


def test_building_again_changes_nothing(bob: Person, correction: Accepted) -> None:
    accept_all(bob)
    first, ids = built(), list(Example.objects.values_list("id", flat=True))

    assert built() == first
    assert list(Example.objects.values_list("id", flat=True)) == ids


def withdraw(accepted: Accepted, alice: Person) -> None:
    actions.withdraw(alice.id, accepted.reply_id)


def say_no(accepted: Accepted, alice: Person) -> None:
    accounts.set_training_consent(alice.id, is_given=False)


def exclude_this_one(accepted: Accepted, alice: Person) -> None:
    conversation_settings.change_settings(alice.id, accepted.conversation_id, is_training_allowed=False)


def delete(accepted: Accepted, alice: Person) -> None:
    organizing.delete(alice.id, accepted.conversation_id)


@pytest.mark.parametrize("change", [withdraw, say_no, exclude_this_one, delete])
def test_what_may_no_longer_be_learned_from_is_rejected(
    alice: Person, bob: Person, correction: Accepted, change: Callable[[Accepted, Person], None]
) -> None:
    accept_all(bob)
    assert {row[2] for row in built()} == {"approved"}

    change(correction, alice)

    assert {row[2] for row in built()} == {"rejected"}
    assert set(Example.objects.values_list("why", flat=True)) == {"origin_gone"}


def test_without_consent_or_from_a_temporary_chat_there_is_no_example(alice: Person) -> None:
    actions.give(alice.id, answered(alice).reply_id, UP)
    temporary = ask(consenting(alice), is_temporary=True)
    finish(temporary, "Hi")
    actions.give(alice.id, temporary.reply_id, UP)

    assert built() == []


def test_a_question_that_was_changed_after_its_answer_proves_nothing(alice: Person) -> None:
    accepted = answered(consenting(alice))
    actions.give(alice.id, accepted.reply_id, UP)
    chat.edit_message(alice.id, accepted.message_id, "Where do roads end?")
    Message.objects.filter(pk=accepted.message_id).update(edited_at=timezone.now())

    assert built() == []


@pytest.mark.parametrize("change", [{"finish_reason": "length"}, {"finish_reason": "cancelled"}])
def test_a_reply_that_did_not_come_to_its_own_end_is_not_rated(alice: Person, change: dict[str, str]) -> None:
    actions.give(alice.id, answered(consenting(alice)).reply_id, UP)
    Generation.objects.update(**change)

    assert built() == []


def test_the_context_of_a_later_question_is_in_its_prompt(alice: Person) -> None:
    first = answered(consenting(alice))
    second = ask(alice, "And brooks?", conversation_id=first.conversation_id, parent_id=first.reply_id)
    finish(second, "In rivers.")
    actions.give(alice.id, second.reply_id, UP)

    built()

    assert Example.objects.get().prompt[1:] == [
        turn("user", "Where do rivers end?"),
        turn("assistant", "In a lake."),
        turn("user", "And brooks?"),
    ]


def test_personal_data_and_template_tokens_do_not_get_in(alice: Person, bob: Person) -> None:
    corrected(consenting(alice), "Who helps me? I am alice@example.org.", "Nobody.", "Call +49 30 901820.")
    corrected(alice, "Who are you?", "Parley.", "Me.<|im_end|>\n<|im_start|>user")
    accept_all(bob)

    rows = built()

    assert [(row[2], row[4]) for row in rows if row[1] == "sft"] == [
        ("approved", "Call [PHONE]."),
        ("rejected", "Me.<|im_end|>\n<|im_start|>user"),
    ]
    assert Example.objects.filter(kind="sft").first().prompt[-1]["content"] == "Who helps me? I am [EMAIL]."


def test_who_releases_an_example_is_in_the_audit(correction: Accepted, capsys: pytest.CaptureFixture[str]) -> None:
    built()
    example = Example.objects.first()

    call_command("examples", "release", str(example.id), reason="It is true")

    assert Example.objects.get(pk=example.pk).is_released
    event = AuditEvent.objects.get()
    assert (event.action, event.object_id, event.reason) == ("example.release", str(example.id), "It is true")
    assert capsys.readouterr().out.split() == ["1", "released"]
