"""A conversation is unread from the end of an answer until its owner looks at it."""

from __future__ import annotations

import json

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from assistant.chat import folders, leases, listing, organizing, stream
from assistant.chat.actions import Accepted
from assistant.chat.search import search
from assistant.models import Person
from inference.contract import FinishReason
from tests.assistant.rows import worker
from tests.assistant.test_lease import ENGINE, claim, finished
from tests.conftest import ask

pytestmark = pytest.mark.django_db


def answer(accepted: Accepted, text: str = "Hi", reason: FinishReason = "stop") -> None:
    """A worker writes the reply, as in life."""
    [reply] = claim(worker())
    reply.pieces = [text]
    assert leases.end(reply, finished(accepted, reason), ENGINE)


def is_unread(person: Person) -> bool:
    [item] = listing.conversations_of(person.id).items
    assert listing.unread_count(person.id) == int(item.is_unread)
    return item.is_unread


def test_an_answer_is_unread_until_it_is_looked_at(alice: Person, asked: Accepted) -> None:
    assert not is_unread(alice)

    answer(asked)
    assert is_unread(alice)

    organizing.mark_read(alice.id, asked.conversation_id)
    assert not is_unread(alice)


def test_the_next_answer_is_unread_again(alice: Person, asked: Accepted) -> None:
    answer(asked)
    organizing.mark_read(alice.id, asked.conversation_id)

    answer(ask(alice, "And?", conversation_id=asked.conversation_id, parent_id=asked.reply_id))

    assert is_unread(alice)


def test_an_answer_that_its_reader_stopped_is_no_news(alice: Person, asked: Accepted) -> None:
    answer(asked, reason="cancelled")

    assert not is_unread(alice)


def test_a_folder_counts_what_is_unread_in_it(alice: Person, asked: Accepted) -> None:
    folder = folders.create(alice.id, "Travel")
    folders.move(alice.id, asked.conversation_id, folder.id)
    answer(asked)

    assert [each.unread_count for each in listing.folders_of(alice.id)] == [1]
    organizing.mark_read(alice.id, asked.conversation_id)
    assert [each.unread_count for each in listing.folders_of(alice.id)] == [0]


def test_what_is_archived_is_not_counted(alice: Person, asked: Accepted) -> None:
    answer(asked)
    organizing.organize(alice.id, asked.conversation_id, is_archived=True)

    assert listing.unread_count(alice.id) == 0


def test_the_other_pages_hear_of_it_once(
    alice: Person, asked: Accepted, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    answer(asked)
    stream.connection().delete(stream.HINTS_KEY)

    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            organizing.mark_read(alice.id, asked.conversation_id)

    hints = [json.loads(fields[b"e"]) for _, fields in stream.connection().xrange(stream.HINTS_KEY)]
    assert [hint["conversation"] for hint in hints] == [str(asked.conversation_id)]


def test_an_answer_is_found_as_soon_as_it_is_stored(alice: Person, asked: Accepted) -> None:
    answer(asked, "The moon pulls at the sea.")

    [result] = search(alice.id, "moon pulls").items

    assert result.message_id == asked.reply_id


def test_the_list_shows_an_answered_conversation_once_across_pages(alice: Person, asked: Accepted) -> None:
    answer(asked)
    newer = ask(alice, "Another one")
    answer(newer)

    first = listing.conversations_of(alice.id, limit=1)
    second = listing.conversations_of(alice.id, first.next_cursor, limit=1)

    assert [item.id for item in first.items + second.items] == [newer.conversation_id, asked.conversation_id]
    assert second.next_cursor is None
