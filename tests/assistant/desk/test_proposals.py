"""What an agent makes of the assistant's words is proposed to the reviewers, as feedback of the agent."""

from __future__ import annotations

from django.utils import timezone

from assistant.accounts.actions import set_training_consent
from assistant.desk import attachments, drafts, handoff
from assistant.feedback import actions as feedback
from assistant.feedback import reviews
from assistant.finetuning import examples
from assistant.models import (
    Case,
    Conversation,
    Example,
    Feedback,
    FeedbackEvent,
    Note,
    Person,
    Review,
    Site,
    Visitor,
)
from assistant.rollout import looks
from tests.assistant.desk import rows
from tests.assistant.desk.rows import answered, reply, say
from tests.assistant.rollouts import canary, of_arm


def approve_all(bob: Person) -> None:
    while (review := reviews.take_next(bob.id)) is not None:
        reviews.accept(bob.id, review.id)
    examples.build()


def test_an_edited_draft_becomes_a_pair_once_a_reviewer_accepts(visitor: Visitor, dora: Person, bob: Person) -> None:
    asked = say(visitor)
    handoff.take(dora.id, asked.conversation_id)
    answered(asked.generation_id, "It comes tomorrow.")
    [draft] = drafts.drafts(dora.id, asked.conversation_id)
    reply(dora, asked.conversation_id, "It comes on Monday.", draft_id=draft.id)

    examples.build()
    assert not Example.objects.filter(status="approved").exists()
    approve_all(bob)
    pair = Example.objects.get(kind="preference")
    assert pair.status == "approved"
    assert (pair.rejected[0]["content"], pair.chosen[0]["content"]) == ("It comes tomorrow.", "It comes on Monday.")
    assert Example.objects.get(kind="sft").completion[0]["content"] == "It comes on Monday."


def test_a_draft_sent_as_it_was_was_good(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    handoff.take(dora.id, asked.conversation_id)
    answered(asked.generation_id, "It comes tomorrow.")
    [draft] = drafts.drafts(dora.id, asked.conversation_id)
    reply(dora, asked.conversation_id, "It comes tomorrow.", draft_id=draft.id)

    assert Feedback.objects.get().rating == "up"
    assert not Review.objects.exists()


def test_the_answer_after_a_takeover_corrects_the_reply_that_was_there(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    answered(asked.generation_id, "No idea.")
    reply(dora, asked.conversation_id, "It comes on Monday.")
    reply(dora, asked.conversation_id, "Anything else?")

    feedback = Feedback.objects.get()
    assert (feedback.message_id, feedback.correction) == (asked.reply_id, "It comes on Monday.")
    assert (feedback.person, Review.objects.get().cause) == (dora, "2_correction")


def test_without_the_visitors_consent_nothing_is_proposed(shop: Site, dora: Person) -> None:
    somebody = rows.visitor(shop, consents=False)
    asked = say(somebody)
    answered(asked.generation_id, "No idea.")
    reply(dora, asked.conversation_id, "It comes on Monday.")

    assert not Feedback.objects.exists()
    assert not Review.objects.exists()


def test_consent_withdrawn_before_the_review_takes_the_proposal_along(
    visitor: Visitor, dora: Person, bob: Person
) -> None:
    asked = say(visitor)
    answered(asked.generation_id, "No idea.")
    reply(dora, asked.conversation_id, "It comes on Monday.")
    set_training_consent(visitor.pk, is_given=False)

    approve_all(bob)
    assert not Example.objects.exists()


def test_neither_notes_nor_personal_data_reach_an_example(visitor: Visitor, dora: Person, bob: Person) -> None:
    asked = say(visitor, "I am ann@example.com, card 4111 1111 1111 1111. Where is my order?")
    Note.objects.create(case=Case.objects.get(), author=dora, text="quixotic customer, zugzwang")
    answered(asked.generation_id, "No idea.")
    Note.objects.create(case=Case.objects.get(), author=dora, text="zugzwang again")
    reply(dora, asked.conversation_id, "Ann, I wrote to ann@example.com.")
    approve_all(bob)

    assert Example.objects.filter(status="approved").exists()
    for example in Example.objects.all():
        learned = str([example.prompt, example.completion, example.chosen, example.rejected])
        for word in ("zugzwang", "quixotic", "ann@example.com", "4111"):
            assert word not in learned
        assert "[EMAIL]" in learned


def test_a_reviewer_never_judges_their_own_words(visitor: Visitor, bob: Person, shop: Site) -> None:
    shop.team.members.add(bob)
    asked = say(visitor)
    answered(asked.generation_id, "No idea.")
    reply(bob, asked.conversation_id, "It comes on Monday.")

    assert reviews.take_next(bob.id) is None


def test_a_canary_counts_what_visitors_say_and_not_what_agents_make_of_it(shop: Site, dora: Person) -> None:
    rollout = canary(50)
    somebody = Visitor.objects.create(person=next(of_arm(rollout, "live")), site=shop)
    asked = say(somebody)
    answered(asked.generation_id, "No idea.")
    set_training_consent(somebody.pk, is_given=True)
    Conversation.objects.update(training_consent_at=timezone.now())
    reply(dora, asked.conversation_id, "It comes on Monday.")

    assert FeedbackEvent.objects.filter(rater=dora, kind="thumb").exists()
    assert looks.raters_of(rollout) == []
    feedback.give(somebody.pk, asked.reply_id, Feedback.Rating.DOWN)
    assert len(looks.raters_of(rollout)) == 1


def test_a_reply_with_a_file_is_no_example(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    answered(asked.generation_id, "It comes tomorrow.")
    handoff.take(dora.id, asked.conversation_id)
    file = attachments.store(dora.id, Conversation.objects.get(), "plan.txt", b"To the harbour")
    reply(dora, asked.conversation_id, "See the plan.", attachment_ids=[file.pk])

    assert not Feedback.objects.exists()
