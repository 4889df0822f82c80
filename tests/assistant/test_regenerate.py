"""Regenerating adds a reply beside the old one and deletes nothing."""

from __future__ import annotations

import pytest

from assistant.chat import actions, branches
from assistant.chat.actions import Accepted
from assistant.errors import AssistantError
from assistant.models import Conversation, Generation, Message, Person
from tests.assistant.rows import finish


def test_it_adds_a_sibling_with_a_seed_of_its_own(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hello!")

    again = actions.regenerate(alice.id, asked.reply_id)

    assert again.message_id == asked.message_id
    assert again.client_message_id is None
    assert Message.objects.get(pk=asked.reply_id).text == "Hello!"
    seeds = Generation.objects.values_list("sampling__seed", flat=True)
    assert len(set(seeds)) == 2


def test_a_double_click_asks_once(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hello!")

    assert actions.regenerate(alice.id, asked.reply_id) == actions.regenerate(alice.id, asked.reply_id)


def test_both_replies_are_siblings_on_the_visible_path(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hello!")
    again = actions.regenerate(alice.id, asked.reply_id)

    conversation = Conversation.objects.get()
    path = branches.visible_path(alice.id, conversation).items
    assert [message.id for message in path] == [asked.message_id, again.reply_id]
    assert path[1].sibling_ids == [asked.reply_id, again.reply_id]


def test_looking_at_the_other_branch_moves_the_head_to_its_leaf(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hello!")
    actions.regenerate(alice.id, asked.reply_id)

    actions.look_at_branch(alice.id, asked.conversation_id, asked.reply_id)

    path = branches.visible_path(alice.id, Conversation.objects.get()).items
    assert [message.id for message in path] == [asked.message_id, asked.reply_id]


def test_a_question_cannot_be_regenerated(alice: Person, asked: Accepted) -> None:
    with pytest.raises(AssistantError, match=r"message\.not_a_reply"):
        actions.regenerate(alice.id, asked.message_id)


def test_charlie_does_not_find_the_reply_of_alice(charlie: Person, asked: Accepted) -> None:
    with pytest.raises(AssistantError, match=r"message\.not_found"):
        actions.regenerate(charlie.id, asked.reply_id)
