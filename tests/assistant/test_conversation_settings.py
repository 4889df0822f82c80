"""What an owner set for a conversation is what its next replies are asked for with."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as product

from assistant.chat import actions, leases
from assistant.chat.actions import Accepted
from assistant.chat.conversation_settings import change_settings, settings_of
from assistant.chat.sampling import defaults
from assistant.errors import AssistantError
from assistant.models import Conversation, Generation, Person
from inference.contract import EngineInfo
from tests.assistant.rows import finish, worker

ENGINE = EngineInfo("scripted", "scripted", "0" * 64, "none", 1000, 4)


def again(person: Person, asked: Accepted) -> dict[str, Any]:
    """The sampling parameters of another reply."""
    finish(asked, "Hi")
    accepted = actions.regenerate(person.id, asked.reply_id)
    finish(accepted, "Hi")
    sampling: dict[str, Any] = Generation.objects.get(pk=accepted.generation_id).sampling
    return sampling


def test_changes_lie_over_the_defaults(alice: Person, asked: Accepted) -> None:
    before = again(alice, asked)

    change_settings(alice.id, asked.conversation_id, sampling_changes={"temperature": 0.9, "seed": 7, "top_p": None})

    assert again(alice, asked) == {**before, "temperature": 0.9, "seed": 7}
    assert settings_of(alice.id, asked.conversation_id).sampling == {"temperature": 0.9, "seed": 7}


def test_the_defaults_come_back(alice: Person, asked: Accepted) -> None:
    change_settings(alice.id, asked.conversation_id, sampling_changes={"temperature": 0.9, "seed": 7})

    change_settings(alice.id, asked.conversation_id, sampling_changes={})

    first, second = again(alice, asked), again(alice, asked)
    assert first["temperature"] == 0.2
    assert first["seed"] != second["seed"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"temperature": -0.1}, "sampling.invalid"),
        ({"temperature": 5.1}, "sampling.invalid"),
        ({"temperature": float("nan")}, "sampling.invalid"),
        ({"top_p": 0.0}, "sampling.invalid"),
        ({"top_p": 1.1}, "sampling.invalid"),
        ({"top_k": -1}, "sampling.invalid"),
        ({"repetition_penalty": 0.0}, "sampling.invalid"),
        ({"max_tokens": 0}, "sampling.invalid"),
        ({"max_tokens": 513}, "sampling.too_long"),
        ({"seed": -1}, "sampling.invalid"),
    ],
)
def test_what_the_engine_would_refuse_is_refused_here(
    alice: Person, asked: Accepted, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(AssistantError) as caught:
        change_settings(alice.id, asked.conversation_id, sampling_changes=changes)

    assert caught.value.code == code
    assert Conversation.objects.get().sampling == {}


def test_a_limit_lowered_by_the_operator_holds_for_earlier_choices(
    alice: Person, asked: Accepted, settings: Any
) -> None:
    change_settings(alice.id, asked.conversation_id, sampling_changes={"max_tokens": 500})
    settings.MAX_REPLY_TOKENS = 100

    assert again(alice, asked)["max_tokens"] == 100


def test_fields_of_another_version_are_ignored(alice: Person, asked: Accepted) -> None:
    Conversation.objects.update(sampling={"mirostat": 2, "no_repeat_ngram": 3, "temperature": 1.0})

    sampling = again(alice, asked)

    assert (sampling["temperature"], sampling["no_repeat_ngram"]) == (1.0, defaults().no_repeat_ngram)
    assert "mirostat" not in sampling


@pytest.mark.parametrize(("own", "told"), [("Answer in rhyme.", "Answer in rhyme."), (" \n", None), ("", None)])
def test_the_model_is_told_the_conversations_system_message_first(
    alice: Person, asked: Accepted, own: str, told: str | None
) -> None:
    change_settings(alice.id, asked.conversation_id, system_message=own)

    [row] = leases.waiting(1, may_take_over=True)
    claimed = leases.claim(row, worker().id, ENGINE)

    assert claimed
    assert claimed[1].messages[0].role == "system"
    assert claimed[1].messages[0].text == (told or product.SYSTEM_MESSAGE)


def test_a_system_message_that_cannot_be_stored_is_refused(alice: Person, asked: Accepted) -> None:
    with pytest.raises(AssistantError, match=r"message\.invalid_text"):
        change_settings(alice.id, asked.conversation_id, system_message="a\x00b")
