"""A copy of a conversation goes on by itself: everything that can be done in the first can be done in it."""

from __future__ import annotations

from uuid import UUID

import pytest

from assistant.chat import actions, branches, forking
from assistant.chat.actions import Accepted
from assistant.chat.context import request_for
from assistant.chat.models import Conversation
from assistant.errors import AssistantError
from assistant.models import Folder, Generation, Message, Person
from tests.assistant.rows import finish
from tests.conftest import ask

pytestmark = pytest.mark.django_db


def turn(person: Person, text: str, after: Accepted | None = None) -> Accepted:
    accepted = ask(
        person,
        text,
        conversation_id=after.conversation_id if after else None,
        parent_id=after.reply_id if after else None,
    )
    finish(accepted, f"re: {text}")
    return accepted


def shown(person: Person, conversation: Conversation) -> list[str]:
    conversation.refresh_from_db()
    return [message.text for message in branches.visible_path(person.id, conversation).items]


@pytest.fixture
def branched(alice: Person) -> dict[str, Accepted]:
    """One, and below it Two and Three, of which Three is being looked at."""
    one = turn(alice, "One")
    return {"one": one, "two": turn(alice, "Two", one), "three": turn(alice, "Three", one)}


def test_the_visible_path_up_to_a_message_is_copied(alice: Person, branched: dict[str, Accepted]) -> None:
    copy = forking.fork(alice.id, branched["two"].reply_id, "path")

    assert shown(alice, copy) == ["One", "re: One", "Two", "re: Two"]
    assert copy.messages.count() == 4
    assert copy.title == "↳ One"
    assert copy.forked_from_id == branched["one"].conversation_id


def test_all_branches_are_copied_with_the_one_that_is_looked_at(alice: Person, branched: dict[str, Accepted]) -> None:
    copy = forking.fork(alice.id, branched["one"].message_id, "all")

    assert shown(alice, copy) == ["One", "re: One", "Three", "re: Three"]
    two, three = (copy.messages.get(text=text) for text in ("Two", "Three"))
    actions.look_at_branch(alice.id, copy.id, two.id)
    assert shown(alice, copy) == ["One", "re: One", "Two", "re: Two"]
    siblings = branches.visible_path(alice.id, Conversation.objects.get(pk=copy.id)).items[-2].sibling_ids
    assert siblings == [two.id, three.id]


def test_the_first_conversation_stays_as_it_was(alice: Person, branched: dict[str, Accepted]) -> None:
    before = list(Message.objects.order_by("id").values())

    copy = forking.fork(alice.id, branched["two"].reply_id, "all")

    assert list(Message.objects.exclude(conversation=copy).order_by("id").values()) == before


def test_copied_messages_keep_their_times_and_belong_to_the_person(
    alice: Person, branched: dict[str, Accepted]
) -> None:
    copy = forking.fork(alice.id, branched["two"].reply_id, "path")

    first, copied = Message.objects.filter(text="One").order_by("id")
    assert copied.created_at == first.created_at
    assert (copied.author_id, copied.client_message_id) == (alice.id, None)
    assert not Generation.objects.filter(conversation=copy).exists()


def test_one_goes_on_regenerates_and_edits_in_the_copy(alice: Person, branched: dict[str, Accepted]) -> None:
    copy = forking.fork(alice.id, branched["two"].reply_id, "path")
    path = branches.visible_path(alice.id, copy).items

    went_on = ask(alice, "Four", conversation_id=copy.id, parent_id=path[-1].id)
    finish(went_on, "re: Four")
    again = actions.regenerate(alice.id, path[-1].id)
    finish(again, "re: Two, again")
    edited = ask(alice, "Two, better", conversation_id=copy.id, parent_id=path[1].id)

    assert shown(alice, copy) == ["One", "re: One", "Two, better", ""]
    request = request_for(Generation.objects.get(pk=edited.generation_id), ())
    assert [message.text for message in request.messages][1:] == ["One", "re: One", "Two, better"]


def test_a_copy_that_ends_with_a_question_has_a_place_for_its_answer(
    alice: Person, branched: dict[str, Accepted]
) -> None:
    copy = forking.fork(alice.id, branched["two"].message_id, "path")

    assert shown(alice, copy) == ["One", "re: One", "Two", ""]
    again = actions.regenerate(alice.id, branches.visible_path(alice.id, copy).items[-1].id)
    finish(again, "An answer")
    assert shown(alice, copy) == ["One", "re: One", "Two", "An answer"]


def test_how_replies_are_asked_for_comes_along_but_not_the_consent(alice: Person, asked: Accepted) -> None:
    folder = Folder.objects.create(owner=alice, name="Sea")
    Conversation.objects.update(
        folder=folder,
        system_message="Be brief.",
        sampling={"temperature": 0.5},
        training_consent_at="2026-01-01T00:00Z",
    )

    copy = forking.fork(alice.id, asked.message_id, "path")

    assert (copy.folder, copy.system_message, copy.sampling) == (folder, "Be brief.", {"temperature": 0.5})
    assert copy.training_consent_at is None


def test_a_copy_of_a_copy_is_marked_once(alice: Person, asked: Accepted) -> None:
    copy = forking.fork(alice.id, asked.message_id, "path")

    assert forking.fork(alice.id, copy.messages.earliest("id").id, "path").title == "↳ Hello"


def test_the_copy_outlives_the_first(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hi")
    copy = forking.fork(alice.id, asked.reply_id, "path")

    Conversation.objects.filter(pk=asked.conversation_id).delete()

    assert shown(alice, copy) == ["Hello", "Hi"]
    assert copy.forked_from_id is None


@pytest.mark.parametrize("scope", ["path", "all"])
def test_nobody_copies_what_is_anothers(charlie: Person, asked: Accepted, scope: forking.Scope) -> None:
    assert refused(charlie.id, asked.message_id, scope) == "message.not_found"


def test_a_temporary_chat_is_not_copied(alice: Person) -> None:
    asked = ask(alice, is_temporary=True)

    assert refused(alice.id, asked.message_id, "path") == "conversation.temporary"


def refused(person_id: UUID, message_id: UUID, scope: forking.Scope) -> str:
    before = Conversation.objects.count()
    with pytest.raises(AssistantError) as caught:
        forking.fork(person_id, message_id, scope)
    assert Conversation.objects.count() == before
    return caught.value.code
