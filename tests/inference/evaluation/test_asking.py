"""Every prompt is answered once, whatever the engine does; what cannot be helped ends with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from inference.contract import ChatMessage, EngineConfig, EngineFailure, GenerationRequest, SamplingParams, StreamEvent
from inference.evaluation.asking import Answer, Asker
from inference.evaluation.errors import EngineFailed, Stopped
from inference.serving.scripted import ScriptedEngine, scripted_text

Ask = Callable[[str], Asker]


@pytest.fixture
def ask() -> Iterator[Ask]:
    started: list[Asker] = []

    def asker(script: str) -> Asker:
        started.append(Asker(ScriptedEngine(EngineConfig(f"scripted:{script}", max_running=4)), lambda: False))
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
    asker = Asker(engine, lambda: False)
    bad = GenerationRequest("bad", (ChatMessage("user", "?"),), SamplingParams(0))
    answers = dict(asker.answers([*requests(2), bad]))
    asker.close()
    assert answers["0"].text == scripted_text("Question 0", 3)
    assert (answers["bad"].text, answers["bad"].finish_reason) == ("", "generation.prompt_too_long")


def test_a_stop_is_heard_while_the_engine_is_silent() -> None:
    asker = Asker(ScriptedEngine(EngineConfig("scripted:tokens_per_second=0.01&tokens=9")), lambda: True)
    with pytest.raises(Stopped):
        next(iter(asker.answers(requests(1))), Answer())
    asker.close()
