"""Saving another text for one's own message changes that text and nothing else."""

from __future__ import annotations

import pytest

from assistant.chat import actions
from assistant.chat.actions import Accepted
from assistant.errors import AssistantError
from assistant.models import Generation, Message, Person
from tests.assistant.rows import finish


def test_the_text_changes_and_says_so_and_the_reply_stays(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hi")

    actions.edit_message(alice.id, asked.message_id, "Good evening\r\n")

    message = Message.objects.get(pk=asked.message_id)
    assert (message.text, message.edited_at is not None) == ("Good evening\n", True)
    assert Message.objects.get(pk=asked.reply_id).text == "Hi"
    assert Generation.objects.count() == 1


def test_the_same_text_again_is_no_edit(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hi")

    actions.edit_message(alice.id, asked.message_id, "Hello")

    assert Message.objects.get(pk=asked.message_id).edited_at is None


def test_a_message_is_not_changed_under_a_reply_that_is_being_written(alice: Person, asked: Accepted) -> None:
    with pytest.raises(AssistantError, match=r"conversation\.busy"):
        actions.edit_message(alice.id, asked.message_id, "Good evening")

    assert Message.objects.get(pk=asked.message_id).text == "Hello"


@pytest.mark.parametrize(("text", "code"), [(" ", "message.empty"), ("a\x00", "message.invalid_text")])
def test_what_could_not_be_sent_cannot_be_saved(alice: Person, asked: Accepted, text: str, code: str) -> None:
    finish(asked, "Hi")

    with pytest.raises(AssistantError) as caught:
        actions.edit_message(alice.id, asked.message_id, text)
    assert caught.value.code == code


def test_what_the_assistant_said_is_not_rewritten(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hi")

    with pytest.raises(AssistantError, match=r"message\.not_editable"):
        actions.edit_message(alice.id, asked.reply_id, "I never said that")
