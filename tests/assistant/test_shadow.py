"""A candidate answers copies of consented questions while nobody waits; people see nothing of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant.chat import stream
from assistant.chat.runner import ReplyRunner
from assistant.models import Generation, Message, Person, Rollout, ShadowAnswer, Worker
from assistant.rollout import actions, queries, reports, shadow
from assistant.rollout.duties import duties
from inference.contract import EngineConfig
from inference.serving.scripted import ScriptedEngine
from tests.assistant.learning import answered, consenting
from tests.assistant.rollouts import admin, trained
from tests.assistant.test_runner import ended, kinds, until
from tests.conftest import ask

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _all_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "SHARE", 1.1)
    monkeypatch.setattr(shadow, "ROUND_S", 0.1)


@pytest.fixture
def rollout(alice: Person) -> Rollout:
    return actions.start(admin(), trained("b"))


@pytest.fixture
def work(rollout: Rollout) -> Iterator[ReplyRunner]:
    """A worker whose base model is the candidate's."""
    engine = ScriptedEngine(EngineConfig(model="scripted:tokens_per_second=100&tokens=50", max_running=4))
    runner = ReplyRunner(engine, 4, duties())
    runner.start()
    until(lambda: Worker.objects.filter(state="ready").exists())
    adapter = rollout.adapter
    assert adapter is not None
    adapter.base_model_sha256 = Worker.objects.get().base_model_sha256
    adapter.save()
    until(lambda: [found.state for found in queries.workers_with(adapter)] == ["ready"])
    yield runner
    runner.drain()
    runner.join()


def test_a_consented_question_is_answered_unseen_and_compared(alice: Person, work: ReplyRunner) -> None:
    consenting(alice)
    accepted = ask(alice)
    until(lambda: ended(accepted) and kinds(accepted)[-1] == "finished")
    before = stream.read_state(accepted.generation_id)
    until(lambda: ShadowAnswer.objects.exists())

    answer = ShadowAnswer.objects.get()
    assert answer.generation_id == accepted.generation_id
    assert (answer.similarity, answer.finish_reason) == (1.0, "stop")  # the script says the same with any adapter
    assert answer.characters == answer.live_characters > 0
    assert Message.objects.count() == 2
    assert Generation.objects.count() == 1
    assert stream.read_state(accepted.generation_id) == before
    assert reports.shadow_of(answer.rollout).answers == 1


def test_who_has_not_allowed_it_is_left_out(alice: Person, rollout: Rollout) -> None:
    answered(alice)
    consenting(alice)
    temporary = ask(alice, is_temporary=True)
    Generation.objects.filter(pk=temporary.generation_id).update(state="completed", finished_at=rollout.started_at)

    assert shadow.next_question(rollout) is None

    allowed = answered(alice)
    found = shadow.next_question(rollout)
    assert found is not None
    assert found.pk == allowed.generation_id


@pytest.mark.parametrize("knowledge", [*Generation.GIVEN, Generation.Knowledge.CONTEXT])
def test_a_question_that_approved_answers_had_to_do_with_is_not_asked(
    knowledge: Generation.Knowledge, alice: Person, rollout: Rollout
) -> None:
    """The candidate would be compared with what it was not told."""
    consenting(alice)
    accepted = answered(alice)
    Generation.objects.filter(pk=accepted.generation_id).update(knowledge=knowledge)

    assert shadow.next_question(rollout) is None


def test_a_question_is_asked_once(alice: Person, rollout: Rollout) -> None:
    consenting(alice)
    answered(alice)
    found = shadow.next_question(rollout)
    assert found is not None
    shadow.keep(rollout, found, "I'm sorry, but I can't help with that.", "stop")
    shadow.keep(rollout, found, "Another worker's answer", "stop")

    assert shadow.next_question(rollout) is None
    assert ShadowAnswer.objects.get().is_refusal
    assert not ShadowAnswer.objects.get().is_live_refusal


def test_it_gives_way_to_people(alice: Person, charlie: Person, work: ReplyRunner) -> None:
    consenting(alice)
    first = ask(alice)
    until(lambda: ended(first))
    until(lambda: bool(work._aside))
    second = ask(charlie)
    until(lambda: not work._aside)

    assert not ShadowAnswer.objects.exists()
    until(lambda: ended(second))
    until(lambda: ShadowAnswer.objects.exists())  # it is asked again when there is time


def test_an_erased_conversation_leaves_nothing_behind(alice: Person, rollout: Rollout) -> None:
    consenting(alice)
    accepted = answered(alice)
    found = shadow.next_question(rollout)
    assert found is not None
    shadow.keep(rollout, found, "An answer", "stop")
    Generation.objects.get(pk=accepted.generation_id).conversation.delete()

    assert not ShadowAnswer.objects.exists()
    shadow.keep(rollout, found, "An answer", "stop")
    assert not ShadowAnswer.objects.exists()


@pytest.mark.parametrize(
    "text", ["I'm sorry, but I can't.", "I cannot help with that.", "抱歉，我不能回答。", "我无法这样做。"]
)
def test_refusals_are_told_by_how_they_begin(text: str) -> None:
    assert shadow.REFUSAL.match(text)


@pytest.mark.parametrize("text", ["The river is sorry.", "I can swim.", "我可以。", ""])
def test_other_answers_are_none(text: str) -> None:
    assert not shadow.REFUSAL.match(text)
