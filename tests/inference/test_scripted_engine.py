"""The scripted engine says what anybody can compute, at the rate of its script."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from inference.contract import ChatMessage, Engine, EngineConfig
from inference.serving.scripted import WORDS, Script, ScriptedEngine, scripted_pieces, scripted_text
from tests.inference.listening import Listener, ask, ids_of, text_of

Start = Callable[[Engine], Listener]


def scripted(start: Start, script: str, max_running: int = 16) -> Listener:
    return start(ScriptedEngine(EngineConfig(f"scripted:{script}", max_running=max_running)))


def test_a_reply_is_the_text_that_belongs_to_the_last_user_message(start: Start) -> None:
    listener = scripted(start, "tokens_per_second=0&tokens=60")
    messages = (ChatMessage("user", "One"), ChatMessage("assistant", "…"), ChatMessage("user", "你好"))
    one, other = listener.run(ask(messages=messages, max_tokens=100), ask("Two", max_tokens=100))
    assert text_of(one) == scripted_text("你好", 60)
    assert text_of(other) == scripted_text("Two", 60) != text_of(one)
    assert ids_of(one) == tuple(range(60))
    assert one[-1].finish_reason == "stop"


def test_a_shorter_reply_is_the_beginning_of_a_longer_one() -> None:
    assert scripted_pieces("Hi", 50)[:20] == scripted_pieces("Hi", 20)
    assert {piece.strip(" ") for piece in scripted_pieces("Hi", 2000)} == {word.strip(" ") for word in WORDS}


def test_who_asks_for_a_number_of_words_gets_so_many_tokens(start: Start) -> None:
    listener = scripted(start, "tokens_per_second=0&tokens=60")
    (events,) = listener.run(ask("Tell me in 90 words", max_tokens=100))
    assert ids_of(events) == tuple(range(90))


def test_each_generation_keeps_its_own_rate_from_its_start(start: Start) -> None:
    listener = scripted(start, "tokens_per_second=200&tokens=100")
    began = time.monotonic()
    listener.run(*(ask(str(i), max_tokens=100) for i in range(16)))
    assert time.monotonic() - began >= 0.5


def test_stamps_are_the_times_at_which_pieces_are_said(start: Start) -> None:
    listener = scripted(start, "tokens_per_second=100&tokens=5&stamp=1")
    before = time.time()
    (events,) = listener.run(ask())
    stamps = [float(piece.strip(" t")) for piece in text_of(events).split()]
    assert len(stamps) == 5
    assert stamps == sorted(stamps)
    assert before - 0.001 <= stamps[0] <= stamps[-1] <= time.time()


def test_a_script_can_fail_after_some_tokens_of_each_attempt(start: Start) -> None:
    listener = scripted(start, "tokens_per_second=0&tokens=20&fail=engine.step_failed&fail_after=3")
    for prefix in ((), (0, 1, 2)):
        (events,) = listener.run(ask(prefix=prefix))
        assert [event.kind for event in events] == ["started", *["delta"] * 3, "failed"]
        assert ids_of(events) == tuple(range(len(prefix), len(prefix) + 3))
        assert events[-1].failure is not None
        assert (events[-1].failure.code, events[-1].failure.retryable) == ("engine.step_failed", True)


def test_an_echo_says_the_users_text_again_one_character_at_a_time(start: Start) -> None:
    listener = scripted(start, "tokens_per_second=0&echo=1")
    hostile = "<b onclick=x>|你好🙂\n"
    whole, cut, again = listener.run(
        ask(hostile, max_tokens=100), ask(hostile, max_tokens=5), ask(hostile, max_tokens=100, prefix=(0, 1, 2))
    )
    assert [event.delta for event in whole if event.kind == "delta"] == list(hostile)
    assert (text_of(cut), cut[-1].finish_reason) == (hostile[:5], "length")
    assert (text_of(again), again[-1].finish_reason) == (hostile[3:], "stop")


@pytest.mark.parametrize("model", ["bundled", "scripted:pace=3", "scripted:tokens=many", "scripted:tokens"])
def test_a_script_that_cannot_be_read_is_refused(model: str) -> None:
    with pytest.raises(ValueError):
        ScriptedEngine(EngineConfig(model)).start(print)


def test_an_empty_script_has_a_usual_rate() -> None:
    assert Script.parse("scripted:") == Script()


def test_the_scripted_engine_needs_no_torch() -> None:
    code = "import sys, inference.serving.scripted, inference.model_files; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
