"""A conversation is learned from only where its owner allowed it in general and has not excluded it."""

from __future__ import annotations

import pytest
from django.db.models.functions import Now

from assistant.chat.consent import TrainingUse
from assistant.chat.conversation_settings import change_settings, settings_of
from assistant.errors import AssistantError
from assistant.models import Conversation, Person
from tests.conftest import ask


def consent(person: Person, is_given: bool = True) -> None:
    Person.objects.filter(pk=person.pk).update(training_consent_at=Now() if is_given else None)


def use_of(conversation: Conversation) -> TrainingUse:
    return settings_of(conversation.owner_id, conversation.id).training_use


def begin(person: Person) -> Conversation:
    return Conversation.objects.get(pk=ask(person).conversation_id)


def test_nothing_is_used_before_its_owner_has_consented(alice: Person) -> None:
    assert use_of(begin(alice)) == "not_consented"


def test_what_is_begun_under_general_consent_comes_under_it(alice: Person) -> None:
    consent(alice)

    assert use_of(begin(alice)) == "allowed"


def test_general_consent_does_not_reach_back(alice: Person) -> None:
    before = begin(alice)

    consent(alice)

    assert use_of(before) == "excluded"


def test_one_conversation_can_be_excluded_and_taken_in_again(alice: Person) -> None:
    consent(alice)
    conversation = begin(alice)

    change_settings(alice.id, conversation.id, is_training_allowed=False)
    assert use_of(conversation) == "excluded"
    change_settings(alice.id, conversation.id, is_training_allowed=True)
    assert use_of(conversation) == "allowed"


def test_without_general_consent_no_conversation_is_used(alice: Person) -> None:
    consent(alice)
    conversation = begin(alice)

    consent(alice, is_given=False)

    assert use_of(conversation) == "not_consented"
    with pytest.raises(AssistantError, match=r"consent\.not_given"):
        change_settings(alice.id, conversation.id, is_training_allowed=True)
    change_settings(alice.id, conversation.id, is_training_allowed=False)


def test_giving_it_twice_keeps_the_first_time(alice: Person) -> None:
    consent(alice)
    conversation = begin(alice)
    given_at = conversation.training_consent_at

    change_settings(alice.id, conversation.id, is_training_allowed=True)

    conversation.refresh_from_db()
    assert conversation.training_consent_at == given_at is not None


def test_a_temporary_chat_is_never_used(alice: Person) -> None:
    consent(alice)
    conversation = begin(alice)
    Conversation.objects.update(is_temporary=True)

    assert use_of(conversation) == "temporary"
    with pytest.raises(AssistantError, match=r"consent\.temporary"):
        change_settings(alice.id, conversation.id, is_training_allowed=True)
