"""A conversation changes hands in one transaction, and after that the assistant says nothing."""

from __future__ import annotations

import pytest

from assistant.chat import actions, branches, queries
from assistant.chat.erasure import erase_person
from assistant.desk import drafts, handoff
from assistant.errors import AssistantError
from assistant.models import Alert, Case, Conversation, Generation, HandoffEvent, Message, Person, SearchText, Visitor
from tests.assistant.desk.rows import answered, reply, said, say


def mode_of(conversation_id: object) -> tuple[str, int]:
    row = Conversation.objects.get(pk=conversation_id)
    assert Case.objects.get(pk=conversation_id).mode == row.mode
    return row.mode, row.mode_version


def test_the_assistant_answers_until_a_person_is_asked_for(visitor: Visitor) -> None:
    asked = say(visitor)
    answered(asked.generation_id, "It comes tomorrow.")

    assert mode_of(asked.conversation_id) == ("assistant", 0)
    assert said(asked.conversation_id) == [("user", "Where is my order?"), ("assistant", "It comes tomorrow.")]


def test_whoever_asks_for_a_person_waits_and_somebody_is_alerted(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    answered(asked.generation_id)
    handoff.ask_for_person(asked.conversation_id)

    assert mode_of(asked.conversation_id) == ("waiting", 1)
    assert Alert.objects.filter(case=asked.conversation_id, mode_version=1).exists()
    assert Case.objects.get().waiting_since is not None
    handoff.ask_for_person(asked.conversation_id)
    assert mode_of(asked.conversation_id) == ("waiting", 1)


def test_while_a_visitor_waits_their_messages_are_stored_and_not_answered(visitor: Visitor) -> None:
    asked = say(visitor)
    handoff.ask_for_person(asked.conversation_id)

    more = say(visitor, "Hello?", asked.conversation_id)
    again = say(visitor, "Anybody?", asked.conversation_id)

    assert (more.reply_id, more.generation_id) == (None, None)
    assert said(asked.conversation_id) == [("user", "Where is my order?"), ("user", "Hello?"), ("user", "Anybody?")]
    assert Message.objects.get(pk=again.message_id).parent_id == more.message_id


def test_the_reply_under_way_becomes_a_draft_that_the_visitor_never_sees(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    handoff.take(dora.id, asked.conversation_id)
    answered(asked.generation_id, "A draft about seahorses.")

    assert mode_of(asked.conversation_id) == ("person", 1)
    assert said(asked.conversation_id) == [("user", "Where is my order?")]
    assert not Message.objects.filter(role="assistant").exists()
    assert not SearchText.objects.filter(body__contains="seahorses").exists()
    with pytest.raises(AssistantError, match=r"generation\.not_found"):
        queries.generation_of(visitor.pk, asked.generation_id)
    [draft] = drafts.drafts(dora.id, asked.conversation_id)
    assert (draft.text, draft.is_current, draft.state) == ("A draft about seahorses.", True, "completed")


def test_who_reads_while_a_reply_becomes_a_draft_reads_what_is_left(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    read_before = Conversation.objects.get(pk=asked.conversation_id)

    handoff.take(dora.id, asked.conversation_id)

    window = branches.visible_path(visitor.pk, read_before)
    assert [message.text for message in window.items] == ["Where is my order?"]


def test_a_reply_that_becomes_a_draft_between_two_looks_is_left_out(
    visitor: Visitor, dora: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = say(visitor)
    before = branches.tree_of(Conversation.objects.get(pk=asked.conversation_id))
    handoff.take(dora.id, asked.conversation_id)
    monkeypatch.setattr(branches, "tree_of", lambda conversation: before)

    window = branches.visible_path(visitor.pk, Conversation.objects.get(pk=asked.conversation_id))

    assert [message.text for message in window.items] == ["Where is my order?"]


def test_a_reply_that_was_there_first_stays(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    answered(asked.generation_id, "It comes tomorrow.")
    handoff.take(dora.id, asked.conversation_id)

    assert said(asked.conversation_id)[-1] == ("assistant", "It comes tomorrow.")
    assert drafts.drafts(dora.id, asked.conversation_id) == []


def test_an_agent_who_answers_has_taken_the_conversation(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    handoff.ask_for_person(asked.conversation_id)
    message = reply(dora, asked.conversation_id, "Let me look.")

    case = Case.objects.get()
    assert mode_of(asked.conversation_id) == ("person", 2)
    assert (case.assignee, case.waiting_since, case.preview) == (dora, None, "Let me look.")
    assert case.first_reply_at is not None
    assert (message.role, message.author) == ("agent", dora)
    assert said(asked.conversation_id) == [("user", "Where is my order?"), ("agent", "Let me look.")]


def test_a_second_agent_cannot_take_it_but_may_help(visitor: Visitor, dora: Person, eve: Person) -> None:
    asked = say(visitor)
    handoff.take(dora.id, asked.conversation_id)

    with pytest.raises(AssistantError, match=r"desk\.taken.*Dora"):
        handoff.take(eve.id, asked.conversation_id)
    reply(eve, asked.conversation_id, "Dora will be right back.")
    assert Case.objects.get().assignee == dora


def test_given_back_with_a_question_open_the_assistant_answers_it(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    answered(asked.generation_id)
    handoff.take(dora.id, asked.conversation_id)
    reply(dora, asked.conversation_id, "I am Dora.")
    say(visitor, "And how much is it?", asked.conversation_id)
    handoff.give_back(dora.id, asked.conversation_id)

    generation = Generation.objects.get(state="queued")
    answered(generation.id, "Five.")
    assert mode_of(asked.conversation_id) == ("assistant", 2)
    assert said(asked.conversation_id)[-2:] == [("user", "And how much is it?"), ("assistant", "Five.")]


def test_given_back_after_the_agents_last_word_the_assistant_waits_for_the_visitor(
    visitor: Visitor, dora: Person
) -> None:
    asked = say(visitor)
    reply(dora, asked.conversation_id, "It is on its way.")
    handoff.give_back(dora.id, asked.conversation_id)

    more = say(visitor, "Thanks, and when?", asked.conversation_id)
    answered(more.generation_id, "Tomorrow.")
    assert said(asked.conversation_id) == [
        ("user", "Where is my order?"),
        ("agent", "It is on its way."),
        ("user", "Thanks, and when?"),
        ("assistant", "Tomorrow."),
    ]


def test_what_was_resolved_opens_again_with_a_new_message(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    answered(asked.generation_id)
    handoff.resolve(None, asked.conversation_id)
    assert mode_of(asked.conversation_id) == ("resolved", 1)

    more = say(visitor, "One more thing", asked.conversation_id)
    assert mode_of(asked.conversation_id) == ("assistant", 2)
    assert more.generation_id is not None


def test_who_had_a_person_waits_for_one_again(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    reply(dora, asked.conversation_id)
    handoff.resolve(dora.id, asked.conversation_id)

    more = say(visitor, "It did not come", asked.conversation_id)
    assert mode_of(asked.conversation_id)[0] == "waiting"
    assert more.generation_id is None
    assert Alert.objects.filter(mode_version=mode_of(asked.conversation_id)[1]).exists()
    assert list(HandoffEvent.objects.order_by("id").values_list("reason", flat=True)) == [
        *("taken", "resolved", "reopened"),
    ]


def test_the_visitor_cannot_have_the_assistant_write_beside_a_person(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    answered(asked.generation_id)
    handoff.take(dora.id, asked.conversation_id)

    with pytest.raises(AssistantError, match=r"conversation\.with_person"):
        actions.regenerate(visitor.pk, asked.reply_id)


def test_what_is_another_teams_is_not_found(visitor: Visitor, mallory: Person) -> None:
    asked = say(visitor)

    for attempt in (handoff.take, handoff.give_back, handoff.resolve, drafts.suggest, drafts.drafts):
        with pytest.raises(AssistantError, match=r"desk\.not_found"):
            attempt(mallory.id, asked.conversation_id)
    with pytest.raises(AssistantError, match=r"desk\.not_found"):
        reply(mallory, asked.conversation_id)
    with pytest.raises(AssistantError, match=r"generation\.not_found"):
        drafts.stop(mallory.id, asked.generation_id)


def test_a_suggestion_is_asked_for_once_and_changes_nothing_that_is_seen(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    answered(asked.generation_id)
    handoff.take(dora.id, asked.conversation_id)
    say(visitor, "And how much is it?", asked.conversation_id)
    before = said(asked.conversation_id)

    generation = drafts.suggest(dora.id, asked.conversation_id)
    assert drafts.suggest(dora.id, asked.conversation_id) == generation
    answered(generation.id, "Five.")

    assert said(asked.conversation_id) == before
    assert [draft.text for draft in drafts.drafts(dora.id, asked.conversation_id)] == ["Five."]


def test_a_visitor_can_be_erased_while_a_draft_is_being_written(visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    handoff.take(dora.id, asked.conversation_id)

    erase_person(visitor.pk)

    assert not Person.objects.filter(pk=visitor.pk).exists()
    assert not Generation.objects.exists()
