"""What every engine promises: one beginning, one end, and a reply that its logged ids determine."""

from __future__ import annotations

from itertools import pairwise

import pytest

from inference.contract import AdapterRef, Engine, EngineConfig, StreamEvent
from inference.serving.engine import TransformersEngine
from inference.serving.scripted import ScriptedEngine
from tests.inference.listening import Listener, ask, ends, ids_of, text_of


def test_a_reply_is_started_once_then_written_then_ended_once(listener: Listener) -> None:
    (events,) = listener.run(ask(max_tokens=12))
    assert [event.kind for event in events] == ["started", *["delta"] * 12, "finished"]
    assert events[0].prompt is not None
    assert (events[-1].prompt or events[0].prompt).tokens > 0
    assert events[-1].finish_reason == "length"
    assert len(ids_of(events)) == 12


def test_equal_requests_get_equal_replies(listener: Listener) -> None:
    first, second = listener.run(ask(seed=5, temperature=0.9), ask(seed=5, temperature=0.9))
    assert ids_of(first) == ids_of(second)
    assert text_of(first) == text_of(second)


def test_replies_are_written_together_and_not_one_after_the_other(listener: Listener) -> None:
    requests = [ask(f"Tell me about {i}", max_tokens=40) for i in range(8)]
    listener.run(*requests)
    deltas = [event.generation_id for event in listener.events if event.kind == "delta"]
    first_end = next(i for i, event in enumerate(listener.events) if event.kind == "finished")
    speaking_before_the_first_end = {e.generation_id for e in listener.events[:first_end] if e.kind == "delta"}
    assert speaking_before_the_first_end == {request.generation_id for request in requests}
    # One after the other would have seven changes; a server's words come in heaps.
    assert sum(a != b for a, b in pairwise(deltas)) > 40


def test_more_requests_than_may_run_wait_their_turn(listener: Listener) -> None:
    requests = [ask(f"Number {i}", max_tokens=5) for i in range(20)]
    for events in listener.run(*requests):
        assert len(ids_of(events)) == 5
    order = [event.generation_id for event in listener.events if event.kind == "started"]
    assert order == [request.generation_id for request in requests]


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_a_reply_continued_at_any_point_equals_the_uninterrupted_one(listener: Listener, temperature: float) -> None:
    whole = ask(max_tokens=10, temperature=temperature, seed=3)
    (events,) = listener.run(whole)
    ids, pieces = ids_of(events), [event.delta for event in events if event.kind == "delta"]
    parts = [
        ask(prefix=ids[:cut], said="".join(pieces[:cut]), max_tokens=10, temperature=temperature, seed=3)
        for cut in range(len(ids) + 1)
    ]
    for cut, continued in enumerate(listener.run(*parts)):
        assert ids_of(continued) == ids[cut:]
        assert text_of(continued) == "".join(pieces[cut:])
        assert continued[-1].finish_reason == "length"


def test_a_stop_string_ends_the_reply_before_itself(listener: Listener) -> None:
    (free,) = listener.run(ask(max_tokens=30))
    text = text_of(free)
    stop = text[len(text) // 2 : len(text) // 2 + 4]
    request = ask(max_tokens=30, stop=(stop,))
    (events,) = listener.run(request)
    assert text_of(events) == text[: text.index(stop)]
    assert events[-1].finish_reason == "stop"
    (again,) = listener.run(ask(max_tokens=30, stop=(stop,), prefix=ids_of(events), said=text_of(events)))
    assert [event.kind for event in again] == ["started", "finished"]


def test_a_cancelled_reply_keeps_what_was_said_and_says_no_more(listener: Listener) -> None:
    cancelled, other = ask(max_tokens=400), ask(max_tokens=30)
    listener.engine.submit(cancelled)
    listener.wait_for(cancelled, deltas=1)
    listener.engine.cancel(cancelled.generation_id)
    events = listener.end_of(cancelled)
    assert events[-1].finish_reason == "cancelled"
    assert 1 <= len(ids_of(events)) < 400
    listener.run(other)
    assert listener.of(cancelled) == events


def test_a_request_that_waits_can_be_cancelled(listener: Listener) -> None:
    running = [ask(max_tokens=60) for _ in range(8)]
    waiting = ask()
    for request in [*running, waiting]:
        listener.engine.submit(request)
    listener.engine.cancel(waiting.generation_id)
    events = listener.end_of(waiting)
    assert [event.kind for event in events] == ["started", "finished"]
    assert events[-1].finish_reason == "cancelled"
    for request in running:
        assert len(ids_of(listener.end_of(request))) == 60


def test_cancelling_what_is_not_there_changes_nothing(listener: Listener) -> None:
    listener.engine.cancel("nobody")
    assert listener.run(ask())[0][-1].kind == "finished"


def test_a_stopped_engine_says_nothing_more(listener: Listener) -> None:
    request = ask(max_tokens=400)
    listener.engine.submit(request)
    listener.wait_for(request, deltas=1)
    listener.engine.stop()
    heard = listener.of(request)
    assert not ends(heard)
    listener.engine.submit(ask())
    assert listener.of(request) == heard
    listener.engine.stop()


def test_an_engine_without_work_is_not_late(listener: Listener) -> None:
    assert listener.engine.idle_for_s == 0.0
    listener.run(ask())
    assert listener.engine.idle_for_s < 60


class RefusingTheFirst(Listener):
    refused = 0

    def _hear(self, event: StreamEvent) -> None:
        if not self.refused:
            self.refused = 1
            raise ValueError("refused")
        super()._hear(event)


def test_a_listener_that_fails_does_not_end_the_engine(tiny_folder: object) -> None:
    engines: list[Engine] = [
        ScriptedEngine(EngineConfig("scripted:tokens_per_second=0&tokens=5")),
        TransformersEngine(EngineConfig(str(tiny_folder), dtype="float32")),
    ]
    for engine in engines:
        (events,) = RefusingTheFirst(engine).run(ask(max_tokens=5))
        assert [event.kind for event in events] == [*["delta"] * 5, "finished"]
        engine.stop()


def test_an_engine_tells_what_it_has_loaded(listener: Listener) -> None:
    assert len(listener.info.base_model_sha256) == 64
    assert listener.info.max_running == 8
    assert listener.info.context_length > 0


def test_an_adapter_that_is_not_there_fails_its_own_request_alone(tiny: Listener) -> None:
    bad, good = tiny.run(ask(adapter=AdapterRef("0" * 64, "/nowhere")), ask())
    assert [event.kind for event in bad] == ["started", "failed"]
    assert bad[-1].failure is not None
    assert (bad[-1].failure.code, bad[-1].failure.retryable) == ("adapter.unusable", False)
    assert good[-1].kind == "finished"
