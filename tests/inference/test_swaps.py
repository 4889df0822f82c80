"""Adapters come and go under live replies: each reply comes from the one it began with, and none is held up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from peft import PeftModel

from inference.contract import AdapterError, AdapterRef, Engine, EngineConfig, GenerationRequest
from inference.serving import adapters, loading
from inference.serving.engine import TransformersEngine
from tests.inference.conftest import Make
from tests.inference.listening import Listener, ask, ends, ids_of
from tests.inference.test_adapters import names_in
from tests.inference.test_greedy_equals_generate import generate, load

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")

STREAMS = 16
SWAPS = 20
TOKENS = 40
QUESTIONS = [f"Question {number}" for number in range(4)]


@pytest.fixture
def crowd(tiny_folder: Path, start: Callable[[Engine], Listener]) -> Listener:
    return start(TransformersEngine(EngineConfig(str(tiny_folder), dtype="float32", max_running=STREAMS, threads=1)))


def test_twenty_swaps_under_sixteen_streams(
    crowd: Listener, tiny_folder: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = [make(seed) for seed in range(5)]
    live = refs[0]
    engine = crowd.engine
    engine.load_adapter(live)
    done = in_which_order(engine, monkeypatch)
    requests: list[GenerationRequest] = []

    def submit() -> GenerationRequest:
        requests.append(ask(QUESTIONS[len(requests) % len(QUESTIONS)], adapter=live, max_tokens=TOKENS))
        engine.submit(requests[-1])
        return requests[-1]

    def keep_asking() -> None:
        """As many replies at any time as the engine writes together, each with what is live when it begins."""
        while len(running()) < STREAMS:
            submit()

    def running() -> list[GenerationRequest]:
        return [request for request in requests[-4 * STREAMS :] if not ends(crowd.of(request))]

    for swap in range(1, SWAPS + 1):
        keep_asking()
        candidate, previous = refs[swap % len(refs)], live
        loaded = threading.Thread(target=engine.load_adapter, args=(candidate,))
        engine.keep_adapters([candidate.sha256, previous.sha256])
        loaded.start()
        while loaded.is_alive():
            keep_asking()
            time.sleep(0.01)
        live = candidate
        crowd.wait_for(submit(), 1)
    replies = [crowd.end_of(request) for request in requests]

    own: dict[tuple[AdapterRef, str], tuple[int, ...]] = {}
    for ref in refs:
        network, tokenizer = load(tiny_folder)
        adapted = PeftModel.from_pretrained(network, ref.path).eval()
        own |= {(ref, question): generate((adapted, tokenizer), question, TOKENS) for question in QUESTIONS}
    assert len(set(own.values())) == len(own)
    assert len({request.adapter for request in requests}) == len(refs)
    for request, events in zip(requests, replies, strict=True):
        assert request.adapter is not None
        assert ids_of(events) == own[request.adapter, request.messages[0].text]
    assert done.count("piece") > SWAPS
    assert ("piece", "piece") not in pairwise(done)
    engine.keep_adapters([live.sha256])
    assert left_in(crowd) == {live.sha256}


def in_which_order(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the engine does from now on while anybody reads along: steps, and pieces of adapters that it puts in, which
    take longer than may be each."""
    done: list[str] = []
    backend, batch = engine._backend, engine._batch
    forward, put_adapter = backend.forward, backend.put_adapter

    def step(*arguments: Any) -> Any:
        done.append("step")
        return forward(*arguments)

    def put(*arguments: Any) -> Iterator[None]:
        for _ in put_adapter(*arguments):
            if batch.rows:
                done.append("piece")
            yield

    monkeypatch.setattr(loading, "PIECE_S", 0.0)
    monkeypatch.setattr(backend, "forward", step)
    monkeypatch.setattr(backend, "put_adapter", put)
    return done


def left_in(listener: Listener) -> set[str]:
    """What is in the network's layers once the engine has nothing to do."""
    listener.run(ask(max_tokens=1))
    listener.run(ask(max_tokens=1))  # the end of the first was told within the step that takes adapters out
    return names_in(listener)


def test_what_is_not_kept_goes_after_its_last_reply(tiny: Listener, make: Make) -> None:
    one, two = make(1), make(2)
    tiny.engine.load_adapter(one)
    long = ask(adapter=one, max_tokens=200)
    tiny.engine.submit(long)
    tiny.wait_for(long, 3)
    tiny.engine.keep_adapters([two.sha256])
    tiny.engine.load_adapter(two)
    assert one.sha256 in left_in(tiny)
    ended = tiny.end_of(long)

    assert ended[-1].kind == "finished"
    assert left_in(tiny) == {two.sha256}


def test_a_reply_gets_an_adapter_that_is_not_kept_and_leaves_none_behind(tiny: Listener, make: Make) -> None:
    kept, chosen = make(1), make(2)
    tiny.engine.keep_adapters([kept.sha256])
    tiny.engine.load_adapter(kept)
    for _ in range(2):
        [reply] = tiny.run(ask(adapter=chosen))
        assert reply[-1].kind == "finished"

    assert left_in(tiny) == {kept.sha256}


def test_a_reply_does_not_wait_for_anothers_adapter(
    tiny: Listener,
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ref = make(1)
    read, may_go_on = adapters.Adapters.read, threading.Event()

    def slow(self: adapters.Adapters, asked: AdapterRef) -> adapters.AdapterFiles:
        assert may_go_on.wait(30)
        return read(self, asked)

    monkeypatch.setattr(adapters.Adapters, "read", slow)
    waiting, cancelled = ask(adapter=ref), ask(adapter=ref)
    tiny.engine.submit(waiting)
    tiny.engine.submit(cancelled)
    [beside] = tiny.run(ask())
    tiny.engine.cancel(cancelled.generation_id)

    assert beside[-1].kind == "finished"
    assert tiny.of(waiting) == []
    assert tiny.end_of(cancelled)[-1].finish_reason == "cancelled"
    may_go_on.set()
    assert tiny.end_of(waiting)[-1].finish_reason in ("stop", "length")


def test_whoever_waits_for_an_adapter_hears_that_the_engine_was_stopped(
    tiny: Listener,
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ref, asked = make(1), threading.Event()
    monkeypatch.setattr(adapters.Adapters, "read", lambda *_: asked.set() or time.sleep(3))
    refused: list[AdapterError] = []

    def load() -> None:
        with pytest.raises(AdapterError, match="was stopped") as raised:
            tiny.engine.load_adapter(ref)
        refused.append(raised.value)

    thread = threading.Thread(target=load)
    thread.start()
    assert asked.wait(30)
    tiny.engine.stop()
    thread.join(10)
    assert refused
