"""Whatever comes, goes, fails or is cancelled, in whatever order and however few pages there are: each reply is the one
that it would be alone, ends once, and leaves no page behind."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from transformers import PreTrainedTokenizerFast

from inference.contract import AdapterRef, EngineConfig, GenerationRequest, OutputFormat, StreamEvent
from inference.serving import backends
from inference.serving.adapters import AdapterFiles, Adapters
from inference.serving.engine import TransformersEngine
from tests.inference.ledger import LedgerBackend
from tests.inference.listening import ask, ends, ids_of, text_of

POISON = "🙂"
BEGINNING = "The quick brown fox jumps over the lazy dog. "
TEXTS = ["Hi", BEGINNING, BEGINNING * 3, BEGINNING * 3 + "And then?", "你好，世界！" * 6, "rivers " * 50, POISON]
ADAPTERS = [None, *(AdapterRef(digit * 8, "") for digit in "123")]
STOPS: list[tuple[str, ...]] = [(), ("a", "zz"), ("the",)]
FORMATS = [
    None,
    OutputFormat("json_schema", '{"type": "array", "items": {"enum": ["a", "the", 12]}, "maxItems": 6}'),
    OutputFormat("regex", r"(\d{1,9} ){2,5}[^a]?"),
]
PAGES = 24
CONTEXT = 320  # of the 384 tokens that there are pages for


class Still:
    """In the place of the engine's thread: the test makes each of its turns."""

    def start(self) -> None: ...

    def is_alive(self) -> bool:
        return False


class Driven:
    """An engine whose turns are made by hand; keeps what it says."""

    def __init__(self, folder: Path, max_running: int) -> None:
        config = EngineConfig(str(folder), max_running=max_running, context_length=CONTEXT, cache_mib=1)
        self.engine: Any = TransformersEngine(config)
        self.engine._thread = Still()
        self.events: list[StreamEvent] = []
        self.engine.start(self.events.append)

    def turn(self) -> None:
        self.engine._turn()

    def of(self, request: GenerationRequest) -> list[StreamEvent]:
        return [event for event in self.events if event.generation_id == request.generation_id]

    def finish(self) -> None:
        """Until nothing waits, runs or is being loaded."""
        for _ in range(5000):
            engine = self.engine
            if not (engine._inbox or len(engine._line) or engine._batch.rows or engine._parked):
                return
            self.turn()
            if engine._parked:
                time.sleep(0.001)
        raise AssertionError("the engine does not come to an end")


@pytest.fixture
def ledger(
    tiny_folder: Path, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[LedgerBackend]]:
    """The backends that engines get, the newest last."""
    made: list[LedgerBackend] = []
    poison = tokenizer.encode(POISON)[-1]

    def load(*_: object) -> LedgerBackend:
        made.append(LedgerBackend(len(tokenizer), PAGES, poison, unsaid=[poison, tokenizer.eos_token_id]))
        return made[-1]

    monkeypatch.setattr(backends, "load", load)
    monkeypatch.setattr(Adapters, "read", lambda _, ref: AdapterFiles(ref.sha256, 4, 8, False, {}, None))
    return made


def test_schedules(tiny_folder: Path, ledger: list[LedgerBackend]) -> None:
    alone = Driven(tiny_folder, max_running=1)
    known: dict[GenerationRequest, list[StreamEvent]] = {}

    def expected(request: GenerationRequest) -> list[StreamEvent]:
        """What the request is answered when it is the only one."""
        key = replace(request, generation_id="alone", owner="")
        if key not in known:
            alone.engine.submit(key)
            alone.finish()
            known[key] = list(alone.events)
            alone.events.clear()
        return known[key]

    class Schedules(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.driven = Driven(tiny_folder, max_running=6)
            self.backend = ledger[-1]
            self.requests: list[GenerationRequest] = []
            self.cancelled: set[str] = set()
            self.has_failed = False

        @rule(
            text=st.sampled_from(TEXTS),
            adapter=st.sampled_from(ADAPTERS),
            max_tokens=st.integers(1, 60),
            temperature=st.sampled_from([0.0, 0.9]),
            stop=st.sampled_from(STOPS),
            format=st.sampled_from(FORMATS),
            repeats=st.booleans(),
            owner=st.sampled_from("ab"),
        )
        def arrive(self, owner: str, repeats: bool, **options: Any) -> None:
            request = ask(**options)
            if repeats:  # so that what is guessed from it is often right
                request = replace(request, sampling=replace(request.sampling, logit_bias=((17, 14.0), (18, 14.0))))
            self.requests.append(replace(request, owner=owner))
            self.driven.engine.submit(self.requests[-1])

        @precondition(lambda self: self.requests)
        @rule(data=st.data(), share=st.floats(0, 1))
        def go_on_with_a_reply(self, data: st.DataObject, share: float) -> None:
            """As another worker does, from some of the tokens that were said: how many these are by now is a matter of
            time, so a share of them is drawn."""
            request = data.draw(st.sampled_from(self.requests))
            said = (*request.prefix_token_ids, *ids_of(self.driven.of(request)))
            cut = round(share * len(said))
            self.requests.append(replace(request, generation_id=ask().generation_id, prefix_token_ids=said[:cut]))
            self.driven.engine.submit(self.requests[-1])

        @precondition(lambda self: self.requests)
        @rule(data=st.data())
        def cancel(self, data: st.DataObject) -> None:
            request = data.draw(st.sampled_from(self.requests))
            self.cancelled.add(request.generation_id)
            self.driven.engine.cancel(request.generation_id)
            self.driven.turn()
            assert ends(self.driven.of(request))
            assert request not in [row.request for row in self.driven.engine._batch.rows]

        @rule(turns=st.integers(1, 12))
        def go_on(self, turns: int) -> None:
            for _ in range(turns):
                self.driven.turn()

        @rule(kept=st.sets(st.sampled_from("123")))
        def keep(self, kept: set[str]) -> None:
            self.driven.engine.keep_adapters([digit * 8 for digit in kept])

        @rule()
        def fail_a_step(self) -> None:
            self.has_failed = True
            self.backend.must_fail = True

        @invariant()
        def pages_belong_to_those_that_have_them(self) -> None:
            pool = self.driven.engine._batch.pool
            users = Counter(page for row in self.driven.engine._batch.rows for page in row.pages)
            assert pool._users == users
            assert pool.in_use == len(users)

        def teardown(self) -> None:
            self.backend.must_fail = False
            self.driven.finish()
            assert self.driven.engine._batch.pool.available == PAGES
            for request in self.requests:
                self.check(request)

        def check(self, request: GenerationRequest) -> None:
            events, own = self.driven.of(request), expected(request)
            assert [event.kind for event in events if event.kind != "delta"] == ["started", events[-1].kind]
            assert len(ends(events)) == 1
            failure = events[-1].failure
            was_cut = events[-1].finish_reason == "cancelled" or (failure and failure.code == "engine.step_failed")
            if was_cut:
                assert request.generation_id in self.cancelled or self.has_failed
                assert ids_of(own)[: len(ids_of(events))] == ids_of(events)
                assert text_of(own).startswith(text_of(events))
            else:
                assert [(e.kind, e.token_ids, e.delta, e.finish_reason, e.failure) for e in events] == [
                    (e.kind, e.token_ids, e.delta, e.finish_reason, e.failure) for e in own
                ]

    run_state_machine_as_test(
        Schedules,
        settings=settings(
            max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def drive(tiny_folder: Path, *requests: GenerationRequest, max_running: int = 6) -> Driven:
    driven = Driven(tiny_folder, max_running)
    for request in requests:
        driven.engine.submit(request)
    return driven


def test_when_pages_run_out_the_youngest_waits_and_loses_nothing(
    tiny_folder: Path, ledger: list[LedgerBackend]
) -> None:
    requests = [ask("rivers " * 20 + str(number), max_tokens=150) for number in range(4)]
    driven = drive(tiny_folder, *requests)
    driven.finish()

    assert driven.engine.metrics.preemptions > 0
    assert [len(ids_of(driven.of(request))) for request in requests] == [150] * 4
    ended = [event.generation_id for event in driven.events if event.kind == "finished"]
    assert ended[0] == requests[0].generation_id
    for request in requests:
        single = drive(tiny_folder, request)
        single.finish()
        assert single.of(request) == driven.of(request)


def test_a_beginning_that_was_read_is_not_read_again(tiny_folder: Path, ledger: list[LedgerBackend]) -> None:
    driven = drive(tiny_folder, ask(BEGINNING * 3, max_tokens=1))
    driven.finish()
    read = driven.engine.metrics.tokens_read
    driven.engine.submit(ask(BEGINNING * 3, max_tokens=1))
    driven.engine.submit(ask(BEGINNING * 3, max_tokens=1, adapter=ADAPTERS[1]))
    driven.finish()
    metrics = driven.engine.metrics

    assert metrics.tokens_reused >= read - 16
    assert metrics.tokens_read >= 2 * read  # the adapter's own beginning is another one
    assert metrics.tokens_read <= 2 * read + 16


def test_the_backend_is_told_of_pages_when_there_are_more(
    tiny_folder: Path, ledger: list[LedgerBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    driven = drive(tiny_folder, ask("Hi", max_tokens=100))
    told: list[int] = []
    set_pages = ledger[-1].set_pages

    def listen(slot: int, pages: Sequence[int]) -> None:
        told.append(len(pages))
        set_pages(slot, pages)

    monkeypatch.setattr(ledger[-1], "set_pages", listen)
    driven.finish()

    assert told == sorted(set(told))
    assert len(told) >= 100 // 16


def test_those_who_have_nothing_running_come_first(tiny_folder: Path, ledger: list[LedgerBackend]) -> None:
    many = [replace(ask(str(number), max_tokens=5), owner="alice") for number in range(6)]
    one = replace(ask("Hello", max_tokens=5), owner="bob")
    driven = drive(tiny_folder, *many, one, max_running=2)
    driven.finish()
    begun = [event.generation_id for event in driven.events if event.kind == "started"]

    assert begun.index(one.generation_id) == 1
    assert [each for each in begun if each != one.generation_id] == [request.generation_id for request in many]


def test_what_is_no_number_ends_its_own_reply_alone(tiny_folder: Path, ledger: list[LedgerBackend]) -> None:
    bad, good = ask(BEGINNING + POISON, max_tokens=5), ask(BEGINNING, max_tokens=5)
    driven = drive(tiny_folder, bad, good)
    driven.finish()
    failure = driven.of(bad)[-1].failure

    assert failure is not None
    assert (failure.code, failure.retryable) == ("engine.not_finite", False)
    assert len(ids_of(driven.of(good))) == 5
    # Nobody finds the pages of the one that failed.
    driven.engine.submit(again := ask(BEGINNING, max_tokens=5))
    driven.finish()
    assert ids_of(driven.of(again)) == ids_of(driven.of(good))


def test_a_long_prompt_is_read_in_pieces_beside_those_who_write(tiny_folder: Path, ledger: list[LedgerBackend]) -> None:
    writing, long = ask(max_tokens=100), ask("rivers " * 80, max_tokens=1)
    driven = drive(tiny_folder, writing)
    driven.turn()
    driven.engine._batch._scheduler.pace._token_s = 0.001
    driven.engine.submit(long)
    while not ends(driven.of(long)):
        before = len(ids_of(driven.of(writing)))
        read = driven.engine.metrics.tokens_read
        driven.turn()
        driven.engine._batch._scheduler.pace._token_s = 0.001
        assert len(ids_of(driven.of(writing))) == before + 1
        assert driven.engine.metrics.tokens_read - read <= 32
