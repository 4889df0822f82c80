"""What has been approved is given to whoever asks the same, offered or put before the model where that is not sure, and
left out where nothing fits."""

from __future__ import annotations

import pytest
from django.db import DatabaseError

from assistant.chat import actions, leases, stream
from assistant.chat.actions import Accepted
from assistant.chat.leases import Checkpoint
from assistant.chat.stream import LogEntry
from assistant.knowledge import actions as knowledge
from assistant.knowledge.library import Library
from assistant.models import Adapter, Generation, Message, Passage, Person, RetrievedPassage
from inference.serving.retrieval import LocalRetriever
from tests.assistant.answering import (
    ENGINE,
    approved,
    catch_up,
    claimed,
    claimed_with_request,
    end,
    knowledge_of,
    library,
    said,
)
from tests.assistant.rows import finish
from tests.conftest import ask

QUESTION = "How long does a building permit take in this town?"
ANSWER = "Ten weeks,\n\nat **most** twenty. 🙂 "


def test_the_same_question_in_other_words_is_given_the_approved_answer(alice: Person) -> None:
    passage = approved(QUESTION, ANSWER)
    accepted = ask(alice, "How long does the building permit take in this town, please?")

    reply, found = claimed(accepted, library())
    end(reply, found)

    assert Message.objects.get(pk=accepted.reply_id).text == ANSWER.strip()
    generation = Generation.objects.get()
    assert (generation.state, generation.finish_reason, generation.knowledge) == ("completed", "stop", "served")
    source = RetrievedPassage.objects.get()
    assert (source.generation, source.passage, source.rank) == (generation, passage, 0)
    assert 0.65 <= source.score < 1.0


def test_no_model_is_named_as_the_author_of_an_approved_answer(alice: Person) -> None:
    adapter = Adapter.objects.create(name="v1", sha256="1" * 64, base_model_sha256=ENGINE.base_model_sha256)
    approved(QUESTION, ANSWER)
    accepted = ask(alice, QUESTION)
    Generation.objects.update(adapter=adapter)

    reply, found = claimed(accepted, library())
    end(reply, found)

    generation = Generation.objects.get()
    assert (generation.adapter, generation.base_model, generation.base_model_sha256) == (None, "", "")
    assert (generation.prompt_sha256, generation.prompt_tokens) == ("", None)


def test_where_it_is_not_sure_those_that_may_fit_are_offered_with_their_questions(alice: Person) -> None:
    first = approved("How long does a building permit take in this town?", "Ten weeks.")
    second = approved("Is a building permit for the town *always* needed?", "Mostly.\n")
    approved("Who paints houses?", "A painter.")
    adapter = Adapter.objects.create(name="v1", sha256="1" * 64, base_model_sha256=ENGINE.base_model_sha256)
    accepted = ask(alice, "Does my building permit for the town take long?")
    Generation.objects.update(adapter=adapter)

    reply, found = claimed(accepted, library())
    end(reply, found)

    assert Message.objects.get(pk=accepted.reply_id).text == (
        "**How long does a building permit take in this town?**\n\nTen weeks.\n\n"
        "**Is a building permit for the town \\*always\\* needed?**\n\nMostly."
    )
    generation = Generation.objects.get()
    assert (generation.knowledge, generation.adapter, generation.base_model) == ("offered", None, "")
    assert [source.passage for source in RetrievedPassage.objects.order_by("rank")] == [first, second]


def test_whoever_asks_again_after_an_offer_gets_the_models_words(alice: Person) -> None:
    approved(QUESTION, ANSWER)
    read = library()
    first = ask(alice, "Does my building permit for the town take long?")
    end(*claimed(first, read))
    assert knowledge_of(first) == "offered"

    again = actions.regenerate(alice.id, first.reply_id)

    assert (claimed(again, read)[0].is_served, knowledge_of(again)) == (False, "context")


def test_where_the_model_is_to_word_them_it_has_the_answers_before_it(alice: Person, settings) -> None:
    settings.APPROVED_ANSWERS = "serve"
    approved("How long does a building permit take in this town?", "Ten weeks.")
    approved("Who paints houses?", "A painter.")
    accepted = ask(alice, "Does my building permit for the town take long?")

    reply, request, found = claimed_with_request(accepted, library())

    assert not reply.is_served
    assert knowledge_of(accepted) == "context"
    assert [passage.answer for passage in found] == ["Ten weeks."]
    assert [message.role for message in request.messages] == ["system", "user"]
    assert request.messages[0].text == (
        "You are a helpful AI assistant.\n\n"
        "Approved answers to similar questions:\n\n"
        "Question: How long does a building permit take in this town?\nAnswer: Ten weeks.\n\n"
        "If one of them answers the question, answer with what it says. If none does, do not use them."
    )


def test_what_does_not_fit_is_not_told_to_the_model(alice: Person) -> None:
    approved(QUESTION, ANSWER)
    accepted = ask(alice, "Write a poem about autumn leaves")

    reply, request, found = claimed_with_request(accepted, library())

    assert (reply.is_served, found, knowledge_of(accepted)) == (False, [], "none")
    assert request.messages[0].text == "You are a helpful AI assistant."


def test_a_question_in_chinese_is_answered_in_chinese(alice: Person) -> None:
    approved("办理建筑许可证需要多长时间？", "十周。")
    accepted = ask(alice, "办理建筑许可证需要多长时间")

    reply, found = claimed(accepted, library())
    end(reply, found)

    assert Message.objects.get(pk=accepted.reply_id).text == "十周。"


def test_whoever_asks_again_gets_the_models_words_with_the_answer_in_view(alice: Person) -> None:
    approved(QUESTION, ANSWER)
    first = ask(alice, QUESTION)
    read = library()
    end(*claimed(first, read))

    again = actions.regenerate(alice.id, first.reply_id)
    reply, _, found = claimed_with_request(again, read)

    assert (reply.is_served, knowledge_of(again), len(found)) == (False, "context", 1)


def test_the_models_own_answer_can_be_asked_for(alice: Person) -> None:
    approved(QUESTION, ANSWER)
    first = ask(alice, QUESTION)
    read = library()
    end(*claimed(first, read))

    own = actions.regenerate(alice.id, first.reply_id, uses_approved_answers=False)
    reply, request, found = claimed_with_request(own, read)

    assert (reply.is_served, found, knowledge_of(own)) == (False, [], "unasked")
    assert ANSWER not in request.messages[0].text


def test_a_follow_up_that_means_nothing_alone_is_not_given_the_last_answer_again(alice: Person) -> None:
    approved("What does it cost?", "A lot.")
    approved(QUESTION, "Ten weeks.")
    read = library()
    first = ask(alice, QUESTION)
    end(*claimed(first, read))

    second = ask(alice, "And why?", conversation_id=first.conversation_id, parent_id=first.reply_id)
    reply, found = claimed(second, read)

    assert not reply.is_served
    assert [passage.answer for passage in found] == ["Ten weeks."]


def test_an_installation_may_only_put_them_before_the_model(alice: Person, settings) -> None:
    settings.APPROVED_ANSWERS = "context"
    approved(QUESTION, ANSWER)
    accepted = ask(alice, QUESTION)

    reply, found = claimed(accepted, library())

    assert (reply.is_served, knowledge_of(accepted), len(found)) == (False, "context", 1)


def test_without_a_library_the_model_is_alone(alice: Person) -> None:
    approved(QUESTION, ANSWER)
    accepted = ask(alice, QUESTION)

    assert claimed(accepted, None)[1] == []
    assert knowledge_of(accepted) == "none"


def test_a_retriever_that_fails_costs_nobody_their_reply(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    approved(QUESTION, ANSWER)
    read = library()
    accepted = ask(alice, QUESTION)

    def fail(*_: object) -> None:
        raise RuntimeError("the embedder is broken")

    monkeypatch.setattr(LocalRetriever, "find", fail)
    assert claimed(accepted, read)[1] == []
    assert knowledge_of(accepted) == "none"


def test_a_database_that_goes_away_leaves_the_question_open(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    read = library()
    accepted = ask(alice, QUESTION)

    def fail(*_: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(Library, "find", fail)
    with pytest.raises(DatabaseError):
        claimed(accepted, read)
    assert knowledge_of(accepted) == ""


# Taken over


def test_another_worker_says_the_rest_of_an_approved_answer(alice: Person) -> None:
    approved(QUESTION, ANSWER)
    read = library()
    accepted = ask(alice, QUESTION)
    late, found = claimed(accepted, read, beat_ago_s=5)
    some = said(late, found)[:3]  # started, and two pieces
    late.take(some)
    stream.append_script()(**stream.append_arguments(accepted.generation_id, late.fence, 0, late.entries))

    reply, found = claimed(accepted, library())

    assert reply.is_served
    assert reply.text == "Ten weeks,"
    end(reply, found)
    assert Message.objects.get(pk=accepted.reply_id).text == ANSWER.strip()
    assert leases.end(late, said(late, found)[-1], ENGINE) is None  # whoever lost the lease changes nothing
    assert RetrievedPassage.objects.count() == 1


def test_it_goes_on_from_the_checkpoint_when_the_log_is_gone(alice: Person) -> None:
    approved(QUESTION, ANSWER)
    read = library()
    accepted = ask(alice, QUESTION)
    late, _ = claimed(accepted, read, beat_ago_s=5)
    leases.save([(late, Checkpoint(2, (0,), "Ten"))], ENGINE)

    reply, found = claimed(accepted, read)
    end(reply, found)

    assert Message.objects.get(pk=accepted.reply_id).text == ANSWER.strip()


def test_what_was_edited_or_retired_meanwhile_is_said_to_its_end_as_it_began(alice: Person, bob: Person) -> None:
    passage = approved(QUESTION, ANSWER)
    read = library()
    accepted = ask(alice, QUESTION)
    claimed(accepted, read, beat_ago_s=5)
    knowledge.edit(bob.id, passage.id, QUESTION, "Never.")

    end(*claimed(accepted, read))

    assert Message.objects.get(pk=accepted.reply_id).text == ANSWER.strip()


def test_what_was_erased_meanwhile_ends_with_a_reason(alice: Person) -> None:
    passage = approved(QUESTION, ANSWER)
    read = library()
    accepted = ask(alice, QUESTION)
    claimed(accepted, read, beat_ago_s=5)
    Passage.objects.filter(pk=passage.pk).delete()

    reply, found = claimed(accepted, read)
    end(reply, found)

    generation = Generation.objects.get()
    assert (generation.state, generation.error_code) == ("failed", "passage.withdrawn")


def test_an_offer_of_which_one_was_erased_when_it_was_begun_ends_with_a_reason(alice: Person) -> None:
    first = approved("How long does a building permit take in this town?", "Ten weeks.")
    approved("Is a building permit for the town always needed?", "Mostly.")
    read = library()
    accepted = ask(alice, "Does my building permit for the town take long?")
    late, found = claimed(accepted, read, beat_ago_s=5)
    late.take(said(late, found)[:4])
    stream.append_script()(**stream.append_arguments(accepted.generation_id, late.fence, 0, late.entries))
    Passage.objects.filter(pk=first.pk).delete()

    end(*claimed(accepted, read))

    generation = Generation.objects.get()
    assert (generation.state, generation.error_code) == ("failed", "passage.withdrawn")


def test_a_reply_that_a_model_began_is_not_turned_into_an_approved_answer(alice: Person) -> None:
    approved(QUESTION, ANSWER)
    accepted = ask(alice, QUESTION)
    begun = LogEntry(1, "delta", {"delta": "Once upon"}, (7, 8))
    stream.append_script()(**stream.append_arguments(accepted.generation_id, 1, 0, [begun]))

    reply, found = claimed(accepted, library())

    assert (reply.is_served, found, reply.text) == (False, [], "Once upon")


# What a worker knows


def test_what_is_approved_while_a_worker_runs_is_given_at_once(alice: Person) -> None:
    read = library()
    approved(QUESTION, ANSWER)
    catch_up(read)

    assert claimed(ask(alice, QUESTION), read)[0].is_served


def test_what_was_retired_a_moment_ago_is_given_no_more(alice: Person, bob: Person) -> None:
    passage = approved(QUESTION, ANSWER)
    read = library()
    knowledge.retire(bob.id, passage.id)

    assert claimed(ask(alice, QUESTION), read)[1] == []


def test_vectors_are_worked_out_once_and_again_for_another_embedder(db: None) -> None:
    for number in range(20):
        approved(f"Question number {number}", "Yes.")
    library("scripted:")
    vectors = dict(Passage.objects.values_list("id", "vector"))
    assert len({bytes(vector) for vector in vectors.values()}) == 20
    [first] = set(Passage.objects.values_list("embedder_sha256", flat=True))

    library("scripted:")
    assert dict(Passage.objects.values_list("id", "vector")) == vectors

    library("scripted:another")
    [second] = set(Passage.objects.values_list("embedder_sha256", flat=True))
    assert first != second


def test_many_are_read_in_pieces(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.knowledge.library.ROWS_AT_ONCE", 3)
    for number in range(10):
        approved(f"Question number {number}", "Yes.")

    read = library()

    assert [match.score for match in read.find("question number 9", 1)] == [1.0]
    assert len(read._known) == 10


def test_accepted_ids_are_kept(asked: Accepted) -> None:
    """A reply asked for without anything approved is settled as such."""
    claimed(asked, library())
    assert knowledge_of(asked) == "none"


def test_a_finished_reply_names_its_sources(alice: Person, bob: Person) -> None:
    from assistant.chat.branches import visible_path

    bob.name = "Bob"
    bob.save()
    approved(QUESTION, ANSWER, approved_by=bob)
    accepted = ask(alice, QUESTION)
    end(*claimed(accepted, library()))
    finish(ask(alice, "Unrelated words"), "Nothing.")

    conversation = Generation.objects.get(pk=accepted.generation_id).conversation
    view = visible_path(alice.id, conversation).items[-1].generation
    assert view is not None
    [source] = view.sources
    assert (view.knowledge, source.question, source.approved_by) == ("served", QUESTION, "Bob")
