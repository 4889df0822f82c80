"""A program sends all that was said each time; here it is one conversation, stored like every other."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from assistant.chat.actions import Accepted
from assistant.chat.branches import path_to
from assistant.chat.completions import Said, complete
from assistant.chat.context import request_for
from assistant.errors import AssistantError
from assistant.models import Conversation, Generation, Message, Person
from tests.assistant.rows import finish
from tests.conftest import ask


def said(*texts: str) -> list[Said]:
    """By the user and the assistant in turn."""
    return [Said("assistant" if number % 2 else "user", text) for number, text in enumerate(texts)]


def completed(person: Person, *texts: str, **options: Any) -> Accepted:
    [accepted] = complete(person.id, said(*texts), **{"sampling_changes": {}, "model_choice": "", **options})
    return accepted


def prompt_of(accepted: Accepted) -> list[tuple[str, str]]:
    request = request_for(Generation.objects.get(pk=accepted.generation_id))
    return [(message.role, message.text) for message in request.messages]


def test_a_question_begins_a_conversation_as_on_the_page(alice: Person) -> None:
    completed(alice, "What is a tide?")

    conversation = Conversation.objects.get()
    assert (conversation.owner, conversation.title, conversation.is_temporary) == (alice, "What is a tide?", False)
    generation = Generation.objects.get()
    assert generation.state == "queued"
    assert [message.text for message in path_to(generation.reply)] == ["What is a tide?", ""]


def test_what_was_said_before_is_what_the_model_reads(alice: Person) -> None:
    accepted = completed(alice, "One", "Two", "Three", system_message="Count on.")

    assert prompt_of(accepted) == [("system", "Count on."), ("user", "One"), ("assistant", "Two"), ("user", "Three")]


def test_the_same_talk_sent_again_with_one_more_turn_goes_on_in_the_same_conversation(alice: Person) -> None:
    first = completed(alice, "One", system_message="Count.")
    finish(first, "Two")

    second = completed(alice, "One", "Two", "Three", system_message="Count.")
    finish(second, "Four")
    third = completed(alice, "One", "Two", "Three", "Four", "Five", system_message="Count.")

    assert first.conversation_id == second.conversation_id == third.conversation_id
    assert [text for _, text in prompt_of(third)] == ["Count.", "One", "Two", "Three", "Four", "Five"]
    assert Message.objects.count() == 6


def test_what_differs_anywhere_is_another_conversation(alice: Person, charlie: Person) -> None:
    finish(completed(alice, "One", system_message="Count."), "Two")
    other = {"system_message": "Count."}

    completed(alice, "One!", "Two", "Three", **other)
    completed(alice, "One", "Two!", "Three", **other)
    completed(alice, "One", "Two", "Three", system_message="Count on.")
    completed(alice, "One", "Two", "Three", **other, is_temporary=True)
    completed(charlie, "One", "Two", "Three", **other)

    assert Conversation.objects.count() == 6


def test_a_conversation_of_the_page_can_be_gone_on_with(alice: Person) -> None:
    begun = ask(alice, "One")
    finish(begun, "Two")

    assert completed(alice, "One", "Two", "Three").conversation_id == begun.conversation_id


def test_while_a_reply_is_written_the_same_beginning_begins_anew(alice: Person) -> None:
    finish(completed(alice, "One"), "Two")

    both = [completed(alice, "One", "Two", question) for question in ("Three", "Three?")]

    assert both[0].conversation_id != both[1].conversation_id
    assert [text for _, text in prompt_of(both[1])][1:] == ["One", "Two", "Three?"]


def test_a_deleted_conversation_is_not_gone_on_with(alice: Person) -> None:
    first = completed(alice, "One")
    finish(first, "Two")
    Conversation.objects.update(deleted_at=timezone.now())

    assert completed(alice, "One", "Two", "Three").conversation_id != first.conversation_id


def test_two_questions_in_a_row_are_both_read(alice: Person) -> None:
    [accepted] = complete(alice.id, [Said("user", "One"), Said("user", "Two")], sampling_changes={}, model_choice="")

    assert [text for _, text in prompt_of(accepted)][1:] == ["One", "Two"]


def test_an_assistant_may_speak_first(alice: Person) -> None:
    [accepted] = complete(
        alice.id, [Said("assistant", "Ask me."), Said("user", "One")], sampling_changes={}, model_choice=""
    )

    assert prompt_of(accepted)[1:] == [("assistant", "Ask me."), ("user", "One")]


def test_what_is_not_to_be_kept_is_a_temporary_chat(alice: Person) -> None:
    alice.training_consent_at = timezone.now()
    alice.save()

    completed(alice, "A secret", is_temporary=True)
    completed(alice, "No secret")

    kept, temporary = Conversation.objects.order_by("is_temporary")
    assert (temporary.title, temporary.training_consent_at) == ("", None)
    assert kept.training_consent_at is not None


def test_each_request_says_how_its_reply_is_written(alice: Person, settings: Settings) -> None:
    settings.MAX_REPLY_TOKENS = 100
    first = completed(alice, "One", sampling_changes={"temperature": 1.5, "stop": ["\n"], "seed": 7, "max_tokens": 9})
    finish(first, "Two")
    second = completed(alice, "One", "Two", "Three", sampling_changes={"max_tokens": 4096})

    writing = [Generation.objects.get(pk=each.generation_id).sampling for each in (first, second)]
    assert [writing[0][name] for name in ("temperature", "stop", "seed", "max_tokens")] == [1.5, ["\n"], 7, 9]
    assert (writing[1]["temperature"], writing[1]["stop"]) == (0.2, [])
    assert writing[1]["max_tokens"] == 100  # what is allowed here; the reply's end says "length"


@pytest.mark.parametrize(
    ("texts", "options", "code"),
    [
        ([], {}, "message.no_question"),
        (["One", "Two"], {}, "message.no_question"),
        ([" "], {}, "message.empty"),
        (["a\x00b"], {}, "message.invalid_text"),
        (["One"], {"sampling_changes": {"temperature": 9}}, "sampling.invalid"),
        (["One"], {"sampling_changes": {"stop": [""]}}, "sampling.invalid"),
        (["One"], {"system_message": "x" * 32_001}, "message.too_long"),
    ],
)
def test_what_cannot_be_answered_is_refused_and_leaves_nothing(
    alice: Person, texts: list[str], options: dict[str, Any], code: str
) -> None:
    with pytest.raises(AssistantError) as refused:
        completed(alice, *texts, **options)

    assert refused.value.code == code
    assert not Conversation.objects.exists()


def test_hostile_text_of_earlier_turns_is_stored_as_far_as_it_can_be(alice: Person) -> None:
    accepted = completed(alice, "One\x00", "Two\ud800\r\n", "Three")

    assert [text for _, text in prompt_of(accepted)][1:] == ["One�", "Two�\n", "Three"]


def test_too_many_replies_at_once_are_refused(alice: Person, settings: Settings) -> None:
    settings.LIMITS, settings.RUNNING_REPLIES_PER_PERSON = True, 2
    for _ in "12":
        completed(alice, "One")

    with pytest.raises(AssistantError, match=r"generation\.too_many"):
        completed(alice, "One")


def test_several_replies_stand_side_by_side_with_seeds_of_their_own(alice: Person) -> None:
    first, *others = complete(alice.id, said("Hi"), sampling_changes={"seed": 7}, model_choice="", replies=3)

    generations = Generation.objects.order_by("id").select_related("reply")
    assert [each.pk for each in generations] == [first.generation_id, *(each.generation_id for each in others)]
    assert [each.sampling["seed"] for each in generations] == [7, 8, 9]
    assert {each.reply.parent_id for each in generations} == {first.message_id}
    assert {each.knowledge for each in generations} == {"unasked"}
    assert Conversation.objects.get().head_id == first.reply_id


def test_several_replies_without_a_seed_differ(alice: Person) -> None:
    complete(alice.id, said("Hi"), sampling_changes={}, model_choice="", replies=4)

    assert len({each.sampling["seed"] for each in Generation.objects.all()}) == 4


def test_the_first_of_several_replies_is_gone_on_with(alice: Person) -> None:
    first, second = complete(alice.id, said("One"), sampling_changes={}, model_choice="", replies=2)
    finish(first, "Two")
    finish(second, "Deux")

    again = completed(alice, "One", "Two", "Three")

    assert again.conversation_id == first.conversation_id
