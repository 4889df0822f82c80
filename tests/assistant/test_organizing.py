"""A conversation is renamed, pinned, put away, deleted and brought back by its owner alone."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db.models.functions import Now

from assistant.chat import actions, branches, listing, organizing, queries
from assistant.chat.actions import Accepted
from assistant.errors import AssistantError
from assistant.models import Conversation, Generation, Message, Person
from tests.assistant.rows import finish
from tests.conftest import ask

pytestmark = pytest.mark.django_db


def listed(person: Person, *, is_archived: bool = False) -> list[str]:
    return [item.title for item in listing.conversations_of(person.id, is_archived=is_archived).items]


def code_of(work: object, *arguments: UUID, **changes: object) -> str:
    with pytest.raises(AssistantError) as caught:
        work(*arguments, **changes)  # type: ignore[operator]  # any of the actions
    return caught.value.code


def test_a_new_title_is_kept_on_one_line(alice: Person, asked: Accepted) -> None:
    organizing.organize(alice.id, asked.conversation_id, title="  Tides\nand  moons ")

    assert listed(alice) == ["Tides and moons"]


@pytest.mark.parametrize(("title", "code"), [(" ", "message.empty"), ("a\x00b", "message.invalid_text")])
def test_a_title_that_cannot_be_stored_is_refused(alice: Person, asked: Accepted, title: str, code: str) -> None:
    assert code_of(organizing.organize, alice.id, asked.conversation_id, title=title) == code
    assert listed(alice) == ["Hello"]


def test_renaming_does_not_move_a_conversation_in_the_list(alice: Person) -> None:
    first = ask(alice, "First")
    ask(alice, "Second")

    organizing.organize(alice.id, first.conversation_id, title="Renamed")

    assert listed(alice) == ["Second", "Renamed"]


def test_pinned_conversations_come_first_over_all_pages(alice: Person) -> None:
    asked = [ask(alice, f"Number {number}") for number in range(7)]
    for number in (1, 4):
        organizing.organize(alice.id, asked[number].conversation_id, is_pinned=True)

    titles, cursor = [], None
    while True:
        page = listing.conversations_of(alice.id, cursor, 2)
        titles += [item.title for item in page.items]
        if (cursor := page.next_cursor) is None:
            break

    assert titles == [f"Number {number}" for number in (4, 1, 6, 5, 3, 2, 0)]


def test_an_archived_conversation_stands_in_the_archive_alone(alice: Person, asked: Accepted) -> None:
    organizing.organize(alice.id, asked.conversation_id, is_archived=True)
    assert (listed(alice), listed(alice, is_archived=True)) == ([], ["Hello"])

    organizing.organize(alice.id, asked.conversation_id, is_archived=False)
    assert (listed(alice), listed(alice, is_archived=True)) == (["Hello"], [])


def test_a_deleted_conversation_is_found_by_nobody(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hi")

    organizing.delete(alice.id, asked.conversation_id)

    assert listed(alice) == listed(alice, is_archived=True) == []
    assert code_of(queries.conversation_of, alice.id, asked.conversation_id) == "conversation.not_found"
    assert code_of(actions.regenerate, alice.id, asked.reply_id) == "message.not_found"


def test_deleting_stops_the_reply_that_is_being_written(alice: Person, asked: Accepted) -> None:
    organizing.delete(alice.id, asked.conversation_id)

    assert Generation.objects.get().cancel_requested_at is not None


def test_a_deletion_can_be_undone(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hi")
    organizing.delete(alice.id, asked.conversation_id)

    organizing.restore(alice.id, asked.conversation_id)

    conversation = queries.conversation_of(alice.id, asked.conversation_id)
    assert [message.text for message in branches.visible_path(alice.id, conversation).items] == ["Hello", "Hi"]


def test_what_was_deleted_long_ago_is_erased_with_all_in_it(alice: Person) -> None:
    recent, old = ask(alice, "Recent"), ask(alice, "Old")
    for asked in (recent, old):
        finish(asked, "Hi")
        organizing.delete(alice.id, asked.conversation_id)
    Conversation.objects.filter(pk=old.conversation_id).update(
        deleted_at=Now() - organizing.UNDO_FOR - timedelta(seconds=1)
    )

    assert organizing.erase_deleted() == 1

    assert set(Message.objects.values_list("conversation", flat=True)) == {recent.conversation_id}
    assert code_of(organizing.restore, alice.id, old.conversation_id) == "conversation.not_found"


def test_a_reply_under_way_is_not_erased_from_under_its_worker(alice: Person, asked: Accepted) -> None:
    organizing.delete(alice.id, asked.conversation_id)
    Conversation.objects.update(deleted_at=Now() - timedelta(days=1))

    assert organizing.erase_deleted() == 0
