"""A verdict on a reply: reasons, words of one's own and a correction, kept until changed or taken back."""

from __future__ import annotations

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from assistant.chat import branches, stream
from assistant.chat.actions import Accepted
from assistant.errors import AssistantError
from assistant.feedback import actions
from assistant.models import Conversation, Feedback, Person
from tests.assistant.rows import finish

UP, DOWN = Feedback.Rating.UP, Feedback.Rating.DOWN


def shown(person: Person) -> branches.FeedbackView | None:
    return branches.visible_path(person.id, Conversation.objects.get()).items[-1].feedback


def test_a_verdict_is_kept_with_all_that_was_said(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hi")

    actions.give(alice.id, asked.reply_id, DOWN, ["too_long", "incorrect"], "It is not so.\r\n", "It is so.")

    assert shown(alice) == branches.FeedbackView("down", ["incorrect", "too_long"], "It is not so.\n", "It is so.")


def test_a_verdict_takes_the_place_of_the_whole_of_an_earlier_one(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hi")
    actions.give(alice.id, asked.reply_id, DOWN, ["incorrect"], "No", "Yes")

    actions.give(alice.id, asked.reply_id, UP, ["clear"])

    assert shown(alice) == branches.FeedbackView("up", ["clear"], "", "")
    assert Feedback.objects.count() == 1


def test_a_verdict_can_be_taken_back_even_twice(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hi")
    actions.give(alice.id, asked.reply_id, UP)

    actions.withdraw(alice.id, asked.reply_id)
    actions.withdraw(alice.id, asked.reply_id)

    assert shown(alice) is None


def test_blank_words_are_no_words(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hi")

    actions.give(alice.id, asked.reply_id, UP, (), "  \n", "\t")

    assert shown(alice) == branches.FeedbackView("up", [], "", "")


@pytest.mark.parametrize(
    ("rating", "reasons", "comment", "correction", "code"),
    [
        (UP, ["incorrect"], "", "", "feedback.unknown_reason"),
        (DOWN, ["ugly"], "", "", "feedback.unknown_reason"),
        (DOWN, [], "x" * 4_001, "", "feedback.comment_too_long"),
        (DOWN, [], "a\x00b", "", "message.invalid_text"),
        (DOWN, [], "", "x" * 32_001, "message.too_long"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_changes_nothing(
    alice: Person,
    asked: Accepted,
    rating: Feedback.Rating,
    reasons: list[str],
    comment: str,
    correction: str,
    code: str,
) -> None:
    finish(asked, "Hi")
    actions.give(alice.id, asked.reply_id, UP, ["clear"])

    with pytest.raises(AssistantError) as caught:
        actions.give(alice.id, asked.reply_id, rating, reasons, comment, correction)

    assert caught.value.code == code
    assert shown(alice) == branches.FeedbackView("up", ["clear"], "", "")


def test_the_other_tabs_are_told(
    alice: Person, asked: Accepted, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    finish(asked, "Hi")
    before = stream.connection().xlen(stream.HINTS_KEY)

    with django_capture_on_commit_callbacks(execute=True):
        actions.give(alice.id, asked.reply_id, UP)
        actions.withdraw(alice.id, asked.reply_id)

    assert stream.connection().xlen(stream.HINTS_KEY) == before + 2


def test_a_question_cannot_be_rated(alice: Person, asked: Accepted) -> None:
    with pytest.raises(AssistantError, match=r"message\.not_a_reply"):
        actions.give(alice.id, asked.message_id, UP)
