"""A worker's runner claims, writes, commits, stops and hands back: real database, real Valkey, scripted engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from assistant.chat import actions, leases, organizing, stream
from assistant.chat import runner as runner_module
from assistant.chat.actions import Accepted
from assistant.chat.runner import ReplyRunner
from assistant.models import Generation, Message, Person, Worker
from assistant.runtime.valkey import EmbeddedValkey
from inference.contract import EngineConfig
from inference.serving.scripted import ScriptedEngine, scripted_text
from tests.conftest import ask

pytestmark = pytest.mark.django_db(transaction=True)

StartRunner = Callable[..., ReplyRunner]


@pytest.fixture
def start_runner() -> Iterator[StartRunner]:
    runners: list[ReplyRunner] = []

    def start(script: str = "tokens_per_second=0&tokens=20", max_running: int = 4) -> ReplyRunner:
        engine = ScriptedEngine(EngineConfig(model=f"scripted:{script}", max_running=max_running))
        runner = ReplyRunner(engine, max_running)
        runner.start()
        runners.append(runner)
        return runner

    yield start
    for runner in runners:
        runner.drain()
        runner.join()


def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    give_up_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.02)


def ended(accepted: Accepted) -> bool:
    return not Generation.objects.get(pk=accepted.generation_id).is_active


def kinds(accepted: Accepted) -> list[str]:
    rows = stream.connection().xrange(stream.log_key(accepted.generation_id))
    return [stream.LogEntry.parse(stream.seq_of(id_), fields[b"e"]).kind for id_, fields in rows]


def test_it_writes_the_reply_into_the_log_and_the_database(asked: Accepted, start_runner: StartRunner) -> None:
    start_runner()
    until(lambda: ended(asked))

    generation = Generation.objects.get()
    text = scripted_text("Hello", 20)
    assert Message.objects.get(pk=asked.reply_id).text == text
    assert (generation.state, generation.finish_reason, generation.completion_tokens) == ("completed", "stop", 20)
    assert generation.text_sha256 == stream.text_sha256(text)
    assert generation.first_token_at is not None
    until(lambda: kinds(asked)[-1] == "finished")
    assert stream.read_state(asked.generation_id).text == text


def test_it_finds_work_that_nobody_woke_it_for(alice: Person, start_runner: StartRunner) -> None:
    start_runner()
    until(lambda: Worker.objects.filter(state="ready").exists())

    accepted = ask(alice)  # the wake-up goes to a Celery queue that nobody reads here

    until(lambda: ended(accepted))


def test_it_takes_no_more_than_it_can_run_together(alice: Person, start_runner: StartRunner) -> None:
    asked = [ask(alice) for _ in range(5)]
    start_runner("tokens_per_second=50&tokens=25", max_running=2)

    until(lambda: Generation.objects.filter(state="running").count() == 2)
    assert Generation.objects.filter(state="queued").count() == 3
    until(lambda: all(ended(accepted) for accepted in asked))


def test_stop_ends_the_reply_and_keeps_what_was_written(
    alice: Person, asked: Accepted, start_runner: StartRunner
) -> None:
    start_runner("tokens_per_second=20&tokens=10000")
    until(lambda: stream.read_state(asked.generation_id).seq > 3)

    actions.stop_generation(alice.id, asked.generation_id)
    until(lambda: ended(asked), within_s=2)

    text = Message.objects.get(pk=asked.reply_id).text
    assert text
    assert scripted_text("Hello", 200).startswith(text)
    assert Generation.objects.get().state == "cancelled"
    until(lambda: kinds(asked)[-1] == "finished")
    assert kinds(asked).count("finished") == 1


def test_a_runner_that_drains_hands_its_reply_to_the_next(asked: Accepted, start_runner: StartRunner) -> None:
    first = start_runner("tokens_per_second=40&tokens=60")
    until(lambda: stream.read_state(asked.generation_id).seq > 5)
    first.drain()
    first.join()
    assert Generation.objects.get().state == "queued"

    start_runner("tokens_per_second=40&tokens=60")
    until(lambda: ended(asked))

    assert Message.objects.get(pk=asked.reply_id).text == scripted_text("Hello", 60)
    assert Generation.objects.get().attempts == 1


def test_an_engine_that_keeps_failing_is_tried_three_times(asked: Accepted, start_runner: StartRunner) -> None:
    start_runner("tokens_per_second=0&tokens=60&fail=engine.step_failed&fail_after=5")
    until(lambda: ended(asked))

    generation = Generation.objects.get()
    assert (generation.state, generation.attempts, generation.error_code) == ("failed", 3, "engine.step_failed")
    assert Message.objects.get(pk=asked.reply_id).text == scripted_text("Hello", 15)


def test_a_reply_outlives_the_death_of_valkey(
    asked: Accepted, start_runner: StartRunner, valkey: EmbeddedValkey
) -> None:
    start_runner("tokens_per_second=40&tokens=60")
    until(lambda: stream.read_state(asked.generation_id).seq > 5)

    valkey.kill()
    time.sleep(0.5)
    valkey.start()
    until(lambda: ended(asked))

    until(lambda: kinds(asked)[-1] == "finished")
    assert stream.read_state(asked.generation_id).text == scripted_text("Hello", 60)
    assert kinds(asked).count("started") == 1


def test_a_runner_whose_own_beat_came_late_takes_nothing_over(
    start_runner: StartRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was the database that was away: the others' beats are as old as its own, and they live."""
    held_up = threading.Event()
    asked: list[bool] = []

    def hold_up() -> None:
        if held_up.is_set():
            time.sleep(1.0)
            held_up.clear()
            asked.clear()

    def note(free: int, may_take_over: bool, *others: object) -> list[Generation]:
        asked.append(may_take_over)
        return []

    for name, value in {"BEAT_S": 0.1, "LATE_S": 0.4, "ERASE_S": 0.0}.items():
        monkeypatch.setattr(runner_module, name, value)
    monkeypatch.setattr(leases, "DEAD_AFTER_S", 0.6)
    monkeypatch.setattr(organizing, "erase_deleted", hold_up)
    monkeypatch.setattr(leases, "waiting", note)
    start_runner()
    until(lambda: bool(asked) and asked[-1])

    held_up.set()
    until(lambda: not held_up.is_set() and len(asked) > 1)
    assert asked[:2] == [False, False]  # at once, and after the first beat
    until(lambda: asked[-1])


def test_a_second_question_is_answered_too(alice: Person, asked: Accepted, start_runner: StartRunner) -> None:
    start_runner()
    until(lambda: ended(asked))
    second = ask(alice, "And then?", conversation_id=asked.conversation_id, parent_id=asked.reply_id)
    until(lambda: ended(second))

    assert Message.objects.get(pk=second.reply_id).text == scripted_text("And then?", 20)
