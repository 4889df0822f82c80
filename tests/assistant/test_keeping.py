"""Workers load what rollouts need before it is asked for, say what they have, and answer with the live one where they
cannot: real runner and engine, scripted words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from django.core.management import call_command
from django.db import transaction

from assistant.adapters.actions import put_live
from assistant.adapters.models import Adapter
from assistant.chat.runner import ReplyRunner
from assistant.models import Generation, Person, Rollout, ServingAck, Worker
from assistant.rollout import actions, keeping, queries
from assistant.rollout.duties import duties
from inference.contract import AdapterRef, EngineConfig
from inference.serving.scripted import ScriptedEngine
from tests.assistant.rollouts import BASE, adapter_of, admin, evaluated, trained
from tests.assistant.rows import finish
from tests.assistant.test_runner import ended, until
from tests.conftest import ask

pytestmark = pytest.mark.django_db(transaction=True)


class Engine(ScriptedEngine):
    """Notes what it is told to load and to keep."""

    def __init__(self, script: str) -> None:
        super().__init__(EngineConfig(model=f"scripted:{script}", max_running=4))
        self.loaded: list[str] = []
        self.kept: list[frozenset[str]] = []

    def load_adapter(self, adapter: AdapterRef) -> str:
        self.loaded.append(adapter.sha256)
        return super().load_adapter(adapter)

    def keep_adapters(self, sha256s: object) -> None:
        self.kept.append(frozenset(sha256s))  # type: ignore[call-overload]


Start = Callable[..., Engine]


@pytest.fixture
def start_worker() -> Iterator[Start]:
    runners: list[ReplyRunner] = []

    def start(script: str = "tokens_per_second=0&tokens=20") -> Engine:
        engine = Engine(script)
        runners.append(ReplyRunner(engine, 4, duties()))
        runners[-1].start()
        before = len(runners)
        until(lambda: Worker.objects.filter(state="ready").count() >= before)
        return engine

    yield start
    for runner in runners:
        runner.drain()
        runner.join()


@pytest.fixture(autouse=True)
def _one_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """All scripts stand for the same base model."""
    original = ScriptedEngine.start

    def started(self: ScriptedEngine, emit: object) -> object:
        from dataclasses import replace

        return replace(original(self, emit), base_model_sha256=BASE)  # type: ignore[arg-type]

    monkeypatch.setattr(ScriptedEngine, "start", started)


def states(adapter: Adapter) -> list[str]:
    return sorted(found.state for found in queries.workers_with(adapter))


def test_an_adapter_on_its_way_is_loaded_before_anybody_asks_for_it(alice: Person, start_worker: Start) -> None:
    ada, adapter = admin(), trained("b")
    engine = start_worker()
    actions.start(ada, adapter)

    until(lambda: states(adapter) == ["ready"])
    assert engine.loaded == [adapter.sha256]
    assert engine.kept[-1] == {adapter.sha256}
    assert ServingAck.objects.get().number == queries.newest_number()


def test_what_answered_before_stays_loaded_and_what_is_not_needed_goes(alice: Person, start_worker: Start) -> None:
    ada = admin()
    one, two, three = trained("b"), trained("c"), trained("d")
    engine = start_worker()
    for adapter in (one, two, three):
        actions.promote(ada, adapter, "Because")
        until(lambda adapter=adapter: states(adapter) == ["ready"])  # type: ignore[misc]

    until(lambda: engine.kept[-1] == {two.sha256, three.sha256})
    until(lambda: not ServingAck.objects.filter(adapter=one).exists())
    actions.roll_back(ada, "It is rude.")
    until(lambda: ServingAck.objects.filter(number=queries.newest_number()).count() == 2)
    assert engine.loaded == [one.sha256, two.sha256, three.sha256]  # going back has loaded nothing


def test_a_worker_that_cannot_load_it_says_why_and_answers_with_what_is_live(
    alice: Person, start_worker: Start
) -> None:
    ada, live, candidate = admin(), trained("b"), trained("c")
    actions.promote(ada, live, "First")
    start_worker("tokens_per_second=0&tokens=20&refuse=cccc")
    until(lambda: states(live) == ["ready"])
    actions.start(ada, candidate)
    until(lambda: states(candidate) == ["refused"])
    assert "cannot be used" in queries.workers_with(candidate)[0].reason

    put_live(candidate)  # as if another worker had it
    Rollout.objects.filter(adapter=live).update(previous=live)
    asked = ask(alice)
    until(lambda: ended(asked))

    generation = Generation.objects.get()
    assert (generation.state, generation.adapter) == ("completed", None)
    put_live(live)
    with transaction.atomic():
        again = ask(alice)
        Generation.objects.filter(pk=again.generation_id).update(adapter=candidate)
    until(lambda: ended(again))
    assert adapter_of(again) == live


def test_one_that_has_it_answers_beside_one_that_has_not(alice: Person, start_worker: Start) -> None:
    ada, adapter = admin(), trained("b")
    evaluated(adapter, "pass")
    start_worker("tokens_per_second=0&tokens=20&refuse=bbbb")
    start_worker()
    actions.start(ada, adapter)

    until(lambda: states(adapter) == ["ready", "refused"])
    assert actions.advance(ada).percent == 5


def test_a_worker_that_comes_late_catches_up(alice: Person, start_worker: Start) -> None:
    ada, adapter = admin(), trained("b")
    actions.promote(ada, adapter, "Because")
    start_worker()

    until(lambda: states(adapter) == ["ready"])
    asked = ask(alice)
    until(lambda: ended(asked))
    assert adapter_of(asked) == adapter


def test_what_failed_is_tried_again(alice: Person, start_worker: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "RETRY_S", 0.1)
    ada, adapter = admin(), trained("b")
    engine = start_worker("tokens_per_second=0&tokens=20&refuse=bbbb")
    actions.start(ada, adapter)
    until(lambda: states(adapter) == ["refused"])
    engine._script = type(engine._script).parse("scripted:tokens_per_second=0&tokens=20")

    until(lambda: states(adapter) == ["ready"])
    assert ServingAck.objects.get().reason == ""


def test_the_command_waits_for_the_workers_and_says_what_they_have(alice: Person, start_worker: Start) -> None:
    from io import StringIO

    ada, adapter = admin(), trained("b")
    start_worker()
    said = StringIO()
    call_command("rollout", "start", adapter.sha256[:12], by=ada.email, stdout=said)

    assert "ready" in said.getvalue()
    call_command("rollout", "status", stdout=said)
    assert said.getvalue().count(" ready") == 2


def test_a_reply_that_was_begun_ends_with_its_adapter(alice: Person, start_worker: Start) -> None:
    ada, adapter = admin(), trained("b")
    actions.promote(ada, adapter, "Because")
    start_worker("tokens_per_second=40&tokens=40")
    asked = ask(alice)
    until(lambda: Generation.objects.get().state == "running")
    actions.roll_back(ada, "It is rude.")
    time.sleep(0.2)
    until(lambda: ended(asked))

    assert adapter_of(asked) == adapter
    finish(asked, "It ended.")
    assert adapter_of(ask(alice)) is None
