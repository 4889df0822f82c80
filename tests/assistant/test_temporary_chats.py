"""A temporary chat is answered like any other, and nothing of it stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db.models.functions import Now

from assistant.chat import branches, listing, organizing, queries, stream
from assistant.chat.actions import Accepted
from assistant.errors import AssistantError
from assistant.models import Conversation, Generation, Message, Person, ShareLink
from assistant.portability import archive
from assistant.sharing import actions as sharing
from tests.assistant.rows import finish
from tests.conftest import ask

pytestmark = pytest.mark.django_db


@pytest.fixture
def secret(alice: Person) -> Accepted:
    accepted = ask(alice, "A secret", is_temporary=True)
    finish(accepted, "Hush.")
    return accepted


def age(minutes: int) -> None:
    Conversation.objects.update(updated_at=Now() - timedelta(minutes=minutes))


def test_it_is_in_no_list_and_has_no_title(alice: Person, secret: Accepted) -> None:
    assert listing.conversations_of(alice.id).items == []
    assert Conversation.objects.get().title == ""


def test_one_goes_on_in_it(alice: Person, secret: Accepted) -> None:
    ask(alice, "More", conversation_id=secret.conversation_id, parent_id=secret.reply_id)

    path = branches.visible_path(alice.id, queries.conversation_of(alice.id, secret.conversation_id))
    assert [message.text for message in path.items] == ["A secret", "Hush.", "More", ""]


def test_a_kept_conversation_does_not_become_temporary_later(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hi")
    ask(alice, "More", conversation_id=asked.conversation_id, parent_id=asked.reply_id, is_temporary=True)

    assert [item.title for item in listing.conversations_of(alice.id).items] == ["Hello"]


@pytest.mark.parametrize(
    "take",
    [
        lambda person, id_: sharing.share(person, id_, ShareLink.Audience.ANYONE),
        archive.conversation_json,
        archive.conversation_markdown,
    ],
)
def test_it_cannot_be_taken_anywhere(alice: Person, secret: Accepted, take: Callable[[UUID, UUID], object]) -> None:
    with pytest.raises(AssistantError) as caught:
        take(alice.id, secret.conversation_id)

    assert caught.value.code == "conversation.temporary"


@pytest.mark.parametrize(("minutes", "is_erased"), [(50, False), (60, True)])
def test_it_is_erased_within_the_hour(secret: Accepted, minutes: int, is_erased: bool) -> None:
    age(minutes)

    assert organizing.erase_deleted() == int(is_erased)
    assert Message.objects.exists() is not is_erased


def test_an_old_kept_conversation_is_not_erased(asked: Accepted) -> None:
    finish(asked, "Hi")
    age(100_000)

    assert organizing.erase_deleted() == 0


def test_a_reply_under_way_is_finished_first(alice: Person) -> None:
    ask(alice, is_temporary=True)
    age(60)

    assert organizing.erase_deleted() == 0


@pytest.mark.django_db(transaction=True)
def test_ending_it_erases_it_at_once_with_the_log_of_its_replies(alice: Person, secret: Accepted) -> None:
    stream.connection().xadd(stream.log_key(secret.generation_id), {"e": "Hush."})

    organizing.delete(alice.id, secret.conversation_id)

    assert not Conversation.objects.exists()
    assert not stream.connection().exists(stream.log_key(secret.generation_id))


def test_ended_while_it_answers_it_is_erased_when_the_worker_lets_go(alice: Person) -> None:
    accepted = ask(alice, is_temporary=True)

    organizing.delete(alice.id, accepted.conversation_id)

    assert Generation.objects.get().cancel_requested_at
    with pytest.raises(AssistantError):
        queries.conversation_of(alice.id, accepted.conversation_id)
    with pytest.raises(AssistantError):
        organizing.restore(alice.id, accepted.conversation_id)
    finish(accepted, "Too la")
    Conversation.objects.update(deleted_at=Now() - organizing.UNDO_FOR - timedelta(seconds=1))  # a moment later
    assert organizing.erase_deleted() == 1
