"""Conversations that administrators read outside of the queue: which they may, and what the audit keeps of it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from assistant.accounts import actions as accounts
from assistant.audit import chain
from assistant.chat import organizing
from assistant.chat.actions import Accepted
from assistant.errors import AssistantError
from assistant.feedback import actions, transcripts
from assistant.models import AuditEvent, Person
from tests.assistant.learning import DOWN, UP, answered, consenting
from tests.assistant.rows import finish
from tests.conftest import ask


@pytest.fixture
def ada(db: None) -> Person:
    return Person.objects.create(username="ada", email="ada@example.org", role=Person.Role.ADMIN)


@pytest.fixture
def allowed(alice: Person) -> Accepted:
    return answered(consenting(alice), "A private question?", "A private answer.")


def found(person: Person, **which: object) -> list[UUID]:
    return [row.id for row in transcripts.readable(person.id, **which).items]  # type: ignore[arg-type]  # by name


def test_reading_is_an_audit_event_with_its_reason(ada: Person, allowed: Accepted) -> None:
    window = transcripts.read(ada.id, allowed.conversation_id, " A  complaint ")

    assert [message.text for message in window.items] == ["A private question?", "A private answer."]
    event = AuditEvent.objects.get()
    assert (event.actor, event.action, event.reason) == (ada, "transcript.read", "A complaint")
    assert event.object_id == str(allowed.conversation_id)
    assert "private" not in str(event.after)
    assert chain.verify().broken_at is None


def test_without_a_reason_nothing_is_read(ada: Person, allowed: Accepted) -> None:
    with pytest.raises(AssistantError, match=r"review\.reason_missing"):
        transcripts.read(ada.id, allowed.conversation_id, "  ")
    assert not AuditEvent.objects.exists()


def test_only_administrators_find_and_read(alice: Person, bob: Person, charlie: Person, allowed: Accepted) -> None:
    for person in (alice, bob, charlie):
        with pytest.raises(AssistantError, match=r"request\.not_allowed"):
            transcripts.readable(person.id)
        with pytest.raises(AssistantError, match=r"request\.not_allowed"):
            transcripts.read(person.id, allowed.conversation_id, "Curious")
    assert not AuditEvent.objects.exists()


def _withdrawn(alice: Person, accepted: Accepted) -> None:
    accounts.set_training_consent(alice.id, is_given=False)


def _deleted(alice: Person, accepted: Accepted) -> None:
    organizing.delete(alice.id, accepted.conversation_id)


def _their_own(alice: Person, accepted: Accepted) -> None:
    Person.objects.filter(pk=alice.pk).update(role=Person.Role.ADMIN)


@pytest.mark.parametrize("change", [_withdrawn, _deleted, _their_own])
def test_what_is_not_to_be_read_is_not_found(
    alice: Person, ada: Person, allowed: Accepted, change: Callable[[Person, Accepted], None]
) -> None:
    change(alice, allowed)
    reader = alice if change is _their_own else ada

    assert found(reader) == []
    with pytest.raises(AssistantError, match=r"transcript\.not_found"):
        transcripts.read(reader.id, allowed.conversation_id, "A complaint")


def test_a_temporary_chat_is_never_read(alice: Person, ada: Person) -> None:
    accepted = ask(consenting(alice), is_temporary=True)
    finish(accepted, "Hi")
    actions.give(alice.id, accepted.reply_id, DOWN, ["unsafe"])

    assert found(ada) == []


def test_what_was_called_unsafe_is_read_without_consent(alice: Person, ada: Person) -> None:
    accepted = answered(alice)
    assert found(ada) == []

    actions.give(alice.id, accepted.reply_id, DOWN, ["unsafe"])

    assert found(ada) == [accepted.conversation_id]


def test_it_is_found_by_its_id_its_owner_and_its_thumbs(
    alice: Person, charlie: Person, ada: Person, allowed: Accepted
) -> None:
    other = answered(consenting(charlie))
    actions.give(charlie.id, other.reply_id, DOWN)
    actions.give(alice.id, allowed.reply_id, UP)

    assert found(ada) == [other.conversation_id, allowed.conversation_id]
    assert found(ada, about=f" {allowed.conversation_id} ") == [allowed.conversation_id]
    assert found(ada, about="Alice@Example.org") == [allowed.conversation_id]
    assert found(ada, about="nobody@example.org") == []
    assert found(ada, only_down=True) == [other.conversation_id]
    [_, row] = transcripts.readable(ada.id).items
    assert (row.messages, row.ups, row.downs, row.reviews) == (2, 1, 0, 0)


def test_the_list_has_pages_and_no_word_of_anybody(alice: Person, ada: Person, allowed: Accepted) -> None:
    newer = answered(alice)

    first = transcripts.readable(ada.id, limit=1)
    second = transcripts.readable(ada.id, limit=1, cursor=first.next_cursor)

    assert [row.id for row in first.items + second.items] == [newer.conversation_id, allowed.conversation_id]
    assert second.next_cursor is None
    assert "private" not in repr(second)
    with pytest.raises(AssistantError, match=r"page\.invalid_cursor"):
        transcripts.readable(ada.id, cursor="nonsense")
