"""Every prompt is answered once, whatever the engine does; what cannot be helped ends with a sentence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inference.contract import (
    ChatMessage,
    EngineConfig,
    EngineFailure,
    EngineInfo,
    GenerationRequest,
    SamplingParams,
    StreamEvent,
)
from inference.evaluation.asking import Answer, Asker
from inference.evaluation.errors import EngineFailed
from inference.interruption import Interruption, Stopped
from inference.serving.scripted import ScriptedEngine, scripted_text

Ask = Callable[[str], Asker]


@pytest.fixture
def ask() -> Iterator[Ask]:
    started: list[Asker] = []

    def asker(script: str) -> Asker:
        started.append(Asker(ScriptedEngine(EngineConfig(f"scripted:{script}", max_running=4)), Interruption()))
        return started[-1]

    yield asker
    for asker_ in started:
        asker_.close()


def requests(count: int, max_tokens: int = 50) -> list[GenerationRequest]:
    return [
        GenerationRequest(str(i), (ChatMessage("user", f"Question {i}"),), SamplingParams(0, max_tokens=max_tokens))
        for i in range(count)
    ]


def test_more_prompts_than_run_together_are_all_answered(ask: Ask) -> None:
    answers = dict(ask("tokens_per_second=0&tokens=9").answers(requests(50)))
    assert {name: answer.text for name, answer in answers.items()} == {
        str(i): scripted_text(f"Question {i}", 9) for i in range(50)
    }
    assert all((a.finish_reason, len(a.token_ids)) == ("stop", 9) and a.duration_ms >= 0 for a in answers.values())


def test_an_answer_that_runs_into_its_limit_says_so(ask: Ask) -> None:
    ((_, answer),) = ask("tokens_per_second=0&tokens=9").answers(requests(1, max_tokens=4))
    assert (answer.finish_reason, answer.text) == ("length", scripted_text("Question 0", 4))


def test_what_fails_is_asked_thrice_and_then_ends_the_evaluation(ask: Ask) -> None:
    with pytest.raises(EngineFailed, match="The script says"):
        dict(ask("tokens_per_second=0&tokens=9&fail=engine.step_failed&fail_after=2").answers(requests(1)))


class Refusing(ScriptedEngine):
    """Fails the first attempt at each prompt after half an answer, and one prompt for good."""

    def submit(self, request: GenerationRequest) -> None:
        name = request.generation_id
        if name in self.seen and name != "bad":
            super().submit(request)
            return
        self.seen.add(name)
        self._emit_event(StreamEvent("started", name))
        if name == "bad":
            failure = EngineFailure("generation.prompt_too_long", "Too long.", retryable=False)
        else:
            self._emit_event(StreamEvent("delta", name, (0,), "half an"))
            failure = EngineFailure("engine.step_failed", "Again.", retryable=True)
        self._emit_event(StreamEvent("failed", name, failure=failure))


def test_a_second_attempt_begins_anew_and_a_prompt_too_long_has_no_answer() -> None:
    engine = Refusing(EngineConfig("scripted:tokens_per_second=0&tokens=3", max_running=2))
    engine.seen = set()
    asker = Asker(engine, Interruption())
    bad = GenerationRequest("bad", (ChatMessage("user", "?"),), SamplingParams(0))
    answers = dict(asker.answers([*requests(2), bad]))
    asker.close()
    assert answers["0"].text == scripted_text("Question 0", 3)
    assert (answers["bad"].text, answers["bad"].finish_reason) == ("", "generation.prompt_too_long")


def test_a_stop_is_heard_while_the_engine_is_silent() -> None:
    interruption = Interruption()
    asker = Asker(ScriptedEngine(EngineConfig("scripted:tokens_per_second=0.01&tokens=9")), interruption)
    interruption._ask_to_stop(15, None)
    with pytest.raises(Stopped):
        next(iter(asker.answers(requests(1))), Answer())
    asker.close()


class Counting(ScriptedEngine):
    """Counts the tokens that it writes."""

    written = 0

    def start(self, emit: Callable[[StreamEvent], None]) -> EngineInfo:
        def counted(event: StreamEvent) -> None:
            self.written += len(event.token_ids)
            emit(event)

        return super().start(counted)


def test_while_people_wait_it_writes_nothing_and_then_goes_on_in_the_middle_of_each_answer(tmp_path: Path) -> None:
    engine = Counting(EngineConfig("scripted:tokens_per_second=200&tokens=60", max_running=4))
    interruption, pause, told = Interruption(), tmp_path / "pause", []
    interruption.pause_while(str(pause), told.append)
    asker = Asker(engine, interruption)
    written_while_paused = []

    def let_people_through() -> None:
        for _ in range(2):
            before = engine.written
            while engine.written < before + 40:
                time.sleep(0.005)
            pause.touch()
            while len(told) % 2 == 0:
                time.sleep(0.005)
            at_first = engine.written
            time.sleep(0.2)
            written_while_paused.append(engine.written - at_first)
            pause.unlink()
            while len(told) % 2:
                time.sleep(0.005)

    people = threading.Thread(target=let_people_through)
    people.start()
    answers = dict(asker.answers(requests(10, max_tokens=60)))
    people.join()
    asker.close()
    assert written_while_paused == [0, 0]
    assert told == [True, False, True, False]
    assert {name: answer.text for name, answer in answers.items()} == {
        str(i): scripted_text(f"Question {i}", 60) for i in range(10)
    }
    # No token twice: an answer goes on where it was interrupted.
    assert engine.written == sum(len(answer.token_ids) for answer in answers.values()) == 600
