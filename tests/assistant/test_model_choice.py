"""Who writes: the live adapter unless another is chosen, and never one that the person may not choose."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from assistant.adapters.registry import AUTOMATIC, BASE, choices_for
from assistant.chat import actions, conversation_settings
from assistant.chat.actions import Accepted
from assistant.errors import AssistantError
from assistant.models import Adapter, Conversation, Generation, Person, Worker
from tests.assistant.rows import finish, worker

OURS, ANOTHER = "0" * 64, "1" * 64


def adapter(name: str, state: Adapter.State, base: str = OURS) -> Adapter:
    return Adapter.objects.create(name=name, sha256=uuid4().hex, base_model_sha256=base, state=state)


@pytest.fixture
def live(db: None) -> Adapter:
    return adapter("polite", Adapter.State.LIVE)


@pytest.fixture
def candidate(db: None) -> Adapter:
    return adapter("terse", Adapter.State.CANDIDATE)


@pytest.fixture(autouse=True)
def _loaded(db: None) -> None:
    """A worker has loaded our base model."""
    Worker.objects.filter(pk=worker().pk).update(base_model_sha256=OURS)


def begin(person: Person, choice: str = AUTOMATIC) -> Accepted:
    return actions.send_message(
        person.id, client_message_id=uuid7(), conversation_id=None, parent_id=None, text="Hello", model_choice=choice
    )


def writer_of(accepted: Accepted) -> Adapter | None:
    return Generation.objects.get(pk=accepted.generation_id).adapter


def test_without_adapters_there_is_nothing_to_choose(alice: Person, bob: Person) -> None:
    assert choices_for(alice, OURS) == choices_for(bob, OURS) == []


def test_people_choose_between_what_is_live_and_the_base_model(
    alice: Person, live: Adapter, candidate: Adapter
) -> None:
    assert [choice.id for choice in choices_for(alice, OURS)] == [AUTOMATIC, str(live.id), BASE]


def test_reviewers_see_candidates_and_retired_adapters_too(bob: Person, candidate: Adapter, live: Adapter) -> None:
    adapter("old", Adapter.State.RETIRED)
    adapter("foreign", Adapter.State.CANDIDATE, ANOTHER)

    kinds = [(choice.kind, choice.name) for choice in choices_for(bob, OURS)]

    assert kinds == [
        ("automatic", ""),
        ("live", "polite"),
        ("candidate", "terse"),
        ("retired", "old"),
        ("base", ""),
    ]


def test_the_first_message_takes_the_choice_along(alice: Person, live: Adapter) -> None:
    assert writer_of(begin(alice)) == live
    assert writer_of(begin(alice, BASE)) is None
    assert writer_of(begin(alice, str(live.id))) == live


@pytest.mark.parametrize("choice", ["nonsense", str(UUID(int=1)), "x" * 1000])
def test_a_first_message_is_never_lost_for_a_choice_that_makes_no_sense(
    alice: Person, live: Adapter, choice: str
) -> None:
    accepted = begin(alice, choice)

    assert writer_of(accepted) == live
    assert Conversation.objects.get().model_choice == AUTOMATIC


def test_a_candidate_answers_a_reviewer_and_nobody_else(
    alice: Person, bob: Person, live: Adapter, candidate: Adapter
) -> None:
    assert writer_of(begin(bob, str(candidate.id))) == candidate
    assert writer_of(begin(alice, str(candidate.id))) == live


def test_the_choice_holds_for_the_next_replies_of_the_conversation(alice: Person, live: Adapter) -> None:
    first = begin(alice)
    finish(first, "Hi")

    conversation_settings.change_settings(alice.id, first.conversation_id, model_choice=BASE)

    assert writer_of(actions.regenerate(alice.id, first.reply_id)) is None


def test_one_more_answer_can_be_asked_of_another_model(alice: Person, live: Adapter) -> None:
    first = begin(alice)
    finish(first, "Hi")

    again = actions.regenerate(alice.id, first.reply_id, BASE)

    assert writer_of(again) is None
    assert Conversation.objects.get().model_choice == AUTOMATIC


def test_a_choice_that_has_gone_or_does_not_fit_falls_back_to_automatic(
    bob: Person, live: Adapter, candidate: Adapter
) -> None:
    first = begin(bob, str(candidate.id))
    finish(first, "Hi")
    Worker.objects.update(base_model_sha256=ANOTHER)
    second = actions.regenerate(bob.id, first.reply_id)
    assert writer_of(second) == live

    finish(second, "Hi")
    Worker.objects.update(base_model_sha256=OURS)
    Person.objects.filter(pk=bob.pk).update(role=Person.Role.USER)
    assert writer_of(actions.regenerate(bob.id, first.reply_id)) == live


def test_what_a_person_may_not_choose_is_refused(alice: Person, candidate: Adapter) -> None:
    first = begin(alice)

    for choice in (str(candidate.id), "nonsense"):
        with pytest.raises(AssistantError, match=r"adapter\.not_available"):
            conversation_settings.change_settings(alice.id, first.conversation_id, model_choice=choice)
