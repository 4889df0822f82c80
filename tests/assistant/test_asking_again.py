"""Once an adapter is live, the questions that it learned from are asked again, when nobody waits, and out of sight."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django import Settings

from assistant.accounts import actions as accounts
from assistant.adapters.actions import put_live
from assistant.chat import organizing, stream
from assistant.chat.actions import Accepted
from assistant.chat.runner import ReplyRunner
from assistant.errors import AssistantError
from assistant.feedback import actions as feedback
from assistant.finetuning import examples, snapshots
from assistant.models import Adapter, AskedAgain, FeedbackEvent, Generation, Message, Person, TrainingRun
from assistant.outcomes import actions, asking
from assistant.outcomes.asking import Asking
from inference.contract import EngineConfig, EngineFailure, EngineInfo, StreamEvent
from inference.serving.scripted import ScriptedEngine, scripted_text
from tests.assistant.learning import accept_all, consenting, corrected
from tests.assistant.rows import worker
from tests.assistant.test_runner import until
from tests.conftest import ask

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = "tokens_per_second=0&tokens=4"


@dataclass
class Learned:
    accepted: Accepted
    adapter: Adapter


@pytest.fixture(autouse=True)
def _quick(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(asking, "LOOK_S", 0.05)


@pytest.fixture
def start_runner() -> Iterator[Callable[..., ReplyRunner]]:
    runners: list[ReplyRunner] = []

    def start(script: str = SCRIPT) -> ReplyRunner:
        runners.append(ReplyRunner(ScriptedEngine(EngineConfig(f"scripted:{script}", max_running=4)), 4, [Asking()]))
        runners[-1].start()
        return runners[-1]

    yield start
    for runner in runners:
        runner.drain()
        runner.join()


def adapter_from_all(name: str = "v1", script: str = SCRIPT) -> Adapter:
    """A live adapter that has learned from what is approved."""
    examples.build()
    snapshot = snapshots.build()
    base = _info(script).base_model_sha256
    adapter = Adapter.objects.create(name=name, sha256=name.ljust(64, "0"), base_model_sha256=base)
    TrainingRun.objects.create(snapshot=snapshot, adapter=adapter, state="completed")
    put_live(adapter)
    return adapter


@pytest.fixture
def learned(alice: Person, bob: Person) -> Learned:
    accepted = corrected(consenting(alice), "Where do rivers end?", "In a lake.", "In the sea, always.")
    accept_all(bob)
    return Learned(accepted, adapter_from_all())


def completed() -> bool:
    return AskedAgain.objects.filter(state="completed").exists()


def test_a_question_is_asked_again_and_the_answer_kept_beside_the_old_one(
    learned: Learned, start_runner: Callable[..., ReplyRunner]
) -> None:
    start_runner()
    until(completed)

    row = AskedAgain.objects.get()
    assert row.text == scripted_text("Where do rivers end?", 4)
    assert (row.message_id, row.adapter, row.attempts) == (learned.accepted.reply_id, learned.adapter, 1)
    assert row.score_then is not None
    assert row.score_now is not None


def test_nothing_of_it_stands_in_the_conversation_or_its_log(
    learned: Learned, start_runner: Callable[..., ReplyRunner]
) -> None:
    before = list(Message.objects.values()), list(Generation.objects.values())

    start_runner()
    until(completed)

    assert (list(Message.objects.values()), list(Generation.objects.values())) == before
    assert stream.read_state(AskedAgain.objects.get().pk).seq == 0


def test_it_is_asked_once_of_each_adapter(learned: Learned, start_runner: Callable[..., ReplyRunner]) -> None:
    assert (asking.plan(learned.adapter), asking.plan(learned.adapter)) == (1, 0)
    start_runner()
    until(completed)
    second = adapter_from_all("v2")

    until(lambda: AskedAgain.objects.filter(adapter=second, state="completed").exists())

    assert AskedAgain.objects.count() == 2


def test_people_come_first(
    learned: Learned, alice: Person, charlie: Person, start_runner: Callable[..., ReplyRunner]
) -> None:
    script = "tokens_per_second=20&tokens=40"
    Adapter.objects.update(base_model_sha256=_info(script).base_model_sha256)
    start_runner(script)
    until(lambda: AskedAgain.objects.filter(state="running").exists())

    accepted = ask(charlie)
    until(lambda: AskedAgain.objects.get().state == "queued")
    assert not completed()

    until(lambda: Generation.objects.get(pk=accepted.generation_id).state == "completed")
    until(completed)
    assert AskedAgain.objects.get().attempts == 1  # giving way is no attempt


def test_a_worker_that_leaves_hands_it_on_and_one_that_died_is_taken_over(
    learned: Learned, start_runner: Callable[..., ReplyRunner]
) -> None:
    asking.plan(learned.adapter)
    dead = worker(beat_ago_s=60)
    AskedAgain.objects.update(state="running", worker=dead, fence=3, attempts=1)

    start_runner()
    until(completed)

    row = AskedAgain.objects.get()
    assert (row.fence, row.attempts) == (4, 2)


def withdraw_feedback(alice: Person, learned: Learned) -> None:
    feedback.withdraw(alice.id, learned.accepted.reply_id)


def withdraw_consent(alice: Person, learned: Learned) -> None:
    accounts.set_training_consent(alice.id, is_given=False)


def delete_conversation(alice: Person, learned: Learned) -> None:
    organizing.delete(alice.id, learned.accepted.conversation_id)


@pytest.mark.parametrize("change_of_mind", [withdraw_feedback, withdraw_consent, delete_conversation])
def test_what_was_taken_back_is_not_asked(
    change_of_mind: Callable[[Person, Learned], None], alice: Person, learned: Learned
) -> None:
    asking.plan(learned.adapter)
    change_of_mind(alice, learned)
    source = Asking()

    assert source.next(worker().id, _info()) is None
    assert not AskedAgain.objects.exists()


def _info(script: str = SCRIPT) -> EngineInfo:
    """What a worker says that runs this script."""
    sha256 = hashlib.sha256(f"scripted:{script}".encode()).hexdigest()
    return EngineInfo("scripted", f"scripted:{script}", sha256, "none", 8192, 4)


def test_a_failure_is_tried_again_and_given_up_after_three_times(learned: Learned) -> None:
    source, by = Asking(), worker()
    failure = StreamEvent("failed", "x", failure=EngineFailure("engine.step_failed", "It fell.", retryable=True))

    for _ in range(3):
        source._look_at = 0.0
        assert source.next(by.id, _info())
        source.end("", failure)

    assert AskedAgain.objects.get().state == "failed"
    source._look_at = 0.0
    assert source.next(by.id, _info()) is None


def test_one_whose_workers_died_three_times_is_given_up(learned: Learned) -> None:
    asking.plan(learned.adapter)
    AskedAgain.objects.update(state="running", worker=worker(beat_ago_s=60), fence=3, attempts=3)

    assert Asking().next(worker().id, _info()) is None

    assert AskedAgain.objects.get().state == "failed"


def test_what_a_dead_worker_left_of_an_adapter_before_is_given_up(learned: Learned) -> None:
    asking.plan(learned.adapter)
    AskedAgain.objects.update(state="running", worker=worker(beat_ago_s=60), fence=1, attempts=1)
    second = adapter_from_all("v2")

    assert Asking().next(worker().id, _info())

    states = {row.adapter: row.state for row in AskedAgain.objects.select_related("adapter")}
    assert states == {learned.adapter: "failed", second: "running"}


def test_another_answer_than_that_of_a_lost_lease_counts(learned: Learned) -> None:
    source = Asking()
    assert source.next(worker().id, _info())
    AskedAgain.objects.update(fence=7)

    source.end("Too late", StreamEvent("finished", "x", finish_reason="stop"))

    assert (AskedAgain.objects.get().state, AskedAgain.objects.get().text) == ("running", "")


def test_an_answer_that_cannot_be_stored_is_shown_as_far_as_it_can(learned: Learned) -> None:
    source = Asking()
    source.next(worker().id, _info())

    source.end("In the\0 sea", StreamEvent("finished", "x", finish_reason="stop"))

    assert AskedAgain.objects.get().text == "In the\ufffd sea"


@pytest.mark.parametrize(
    ("now", "measured"),
    [("In the sea, always.", "better"), ("In a lake.", "same"), ("In a lake!", "same"), ("xyz", "worse")],
)
def test_the_answers_are_measured_by_the_approved_one(now: str, measured: str, learned: Learned) -> None:
    source = Asking()
    source.next(worker().id, _info())

    source.end(now, StreamEvent("finished", "x", finish_reason="stop"))

    assert AskedAgain.objects.get().measured == measured


def test_whose_feedback_it_was_says_how_it_is_and_nobody_else(learned: Learned, alice: Person, charlie: Person) -> None:
    source = Asking()
    source.next(worker().id, _info())
    row = AskedAgain.objects.get()
    with pytest.raises(AssistantError, match=r"outcome\.not_found"):  # it is not answered yet
        actions.judge(alice.id, row.id, AskedAgain.Verdict.BETTER)
    source.end("In a lake.", StreamEvent("finished", "x", finish_reason="stop"))

    actions.judge(alice.id, row.id, AskedAgain.Verdict.BETTER)
    with pytest.raises(AssistantError, match=r"outcome\.not_found"):
        actions.judge(charlie.id, row.id, AskedAgain.Verdict.WORSE)
    assert AskedAgain.objects.get().verdict == "better"
    actions.judge(alice.id, row.id, None)

    assert AskedAgain.objects.get().verdict == "same"
    said = FeedbackEvent.objects.filter(kind="asked_again").order_by("at").values_list("verb", "value")
    assert list(said) == [("given", "better"), ("withdrawn", "")]
