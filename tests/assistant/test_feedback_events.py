"""What people say leaves events: what was said, about what, and what may be learned from it at that time."""

from __future__ import annotations

import pytest

from assistant.chat import actions as chat
from assistant.chat.actions import Accepted
from assistant.errors import AssistantError
from assistant.feedback import actions, comparisons
from assistant.models import Adapter, Comparison, FeedbackEvent, Generation, Person
from tests.assistant.learning import DOWN, UP, answered, consenting
from tests.assistant.rows import finish


def told() -> list[tuple[str, str, str]]:
    return list(FeedbackEvent.objects.order_by("id").values_list("kind", "verb", "value"))


def again(person: Person, accepted: Accepted, answer: str) -> Accepted:
    other = chat.regenerate(person.id, accepted.reply_id)
    finish(other, answer)
    return other


def test_a_thumb_is_given_changed_and_withdrawn(alice: Person) -> None:
    reply_id = answered(alice).reply_id

    actions.give(alice.id, reply_id, UP)
    actions.give(alice.id, reply_id, UP)
    actions.give(alice.id, reply_id, DOWN, ["too_long"])
    actions.withdraw(alice.id, reply_id)
    actions.withdraw(alice.id, reply_id)

    assert told() == [("thumb", "given", "up"), ("thumb", "changed", "down"), ("thumb", "withdrawn", "")]


def test_a_correction_is_an_event_of_its_own_without_its_text(alice: Person) -> None:
    reply_id = answered(alice).reply_id

    actions.give(alice.id, reply_id, DOWN, correction="In the sea.")
    actions.give(alice.id, reply_id, DOWN, correction="In the sea, mostly.")
    actions.give(alice.id, reply_id, DOWN)

    events = list(FeedbackEvent.objects.filter(kind="correction").order_by("id"))
    assert [event.verb for event in events] == ["given", "changed", "withdrawn"]
    assert len({event.text_sha256 for event in events}) == 3
    assert not any("sea" in str(vars(event)) for event in events)


def test_it_says_what_wrote_the_reply_and_what_was_consented_to(alice: Person) -> None:
    accepted = answered(consenting(alice))
    adapter = Adapter.objects.create(name="v1", sha256="a" * 64, base_model_sha256="b" * 64)
    Generation.objects.update(base_model_sha256="b" * 64, adapter=adapter, prompt_sha256="c" * 64)

    actions.give(alice.id, accepted.reply_id, UP)

    event = FeedbackEvent.objects.get()
    assert (event.base_model_sha256, event.adapter_sha256, event.prompt_sha256) == ("b" * 64, "a" * 64, "c" * 64)
    assert event.sampling == Generation.objects.get().sampling
    assert (event.rater, event.training_use) == (alice, "allowed")


def test_without_consent_the_event_says_so(alice: Person) -> None:
    actions.give(alice.id, answered(alice).reply_id, UP)

    assert FeedbackEvent.objects.get().training_use == "not_consented"


def test_a_vote_is_an_event_and_so_is_another_one(alice: Person) -> None:
    left = answered(alice)
    right = again(alice, left, "In the sea.")

    comparisons.vote(alice.id, left.reply_id, right.reply_id, Comparison.Verdict.RIGHT)
    comparisons.vote(alice.id, left.reply_id, right.reply_id, Comparison.Verdict.RIGHT)
    comparisons.vote(alice.id, left.reply_id, right.reply_id, Comparison.Verdict.TIE)
    comparisons.withdraw(alice.id, left.reply_id, right.reply_id)

    assert told() == [
        ("comparison", "given", "right"),
        ("comparison", "changed", "tie"),
        ("comparison", "withdrawn", ""),
    ]
    assert {(event.message_id, event.other_id) for event in FeedbackEvent.objects.all()} == {
        (left.reply_id, right.reply_id)
    }


def test_one_thumb_down_and_another_up_for_the_same_question_are_a_pick(alice: Person) -> None:
    worse = answered(alice)
    better = again(alice, worse, "In the sea.")

    actions.give(alice.id, worse.reply_id, DOWN)
    assert not FeedbackEvent.objects.filter(kind="regenerate_pick").exists()
    actions.give(alice.id, better.reply_id, UP)
    actions.give(alice.id, worse.reply_id, UP)

    picks = list(FeedbackEvent.objects.filter(kind="regenerate_pick").order_by("id"))
    assert [pick.verb for pick in picks] == ["given", "withdrawn"]
    assert {(pick.message_id, pick.other_id) for pick in picks} == {(better.reply_id, worse.reply_id)}


def test_what_is_refused_leaves_no_event(alice: Person) -> None:
    accepted = answered(alice)

    with pytest.raises(AssistantError):
        actions.give(alice.id, accepted.reply_id, DOWN, ["ugly"])

    assert told() == []


def test_events_are_not_changed_by_saving(alice: Person) -> None:
    actions.give(alice.id, answered(alice).reply_id, UP)

    with pytest.raises(TypeError, match="never changed"):
        FeedbackEvent.objects.get().save()
