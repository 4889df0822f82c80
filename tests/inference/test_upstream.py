"""Another server writes: what it refuses, breaks off, or says differently the second time, and what becomes of it."""

from __future__ import annotations

import hashlib
import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.contract import (
    AdapterError,
    AdapterRef,
    ChatMessage,
    Engine,
    EngineConfig,
    GenerationRequest,
    SamplingParams,
    StreamEvent,
    UpstreamServer,
)
from inference.serving import upstream as upstream_module
from inference.serving import upstream_models
from inference.serving.scripted import scripted_text
from inference.serving.upstream import OpenAIEngine
from inference.serving.upstream_reply import UpstreamReply
from inference.serving.upstream_wire import Chunk, UpstreamError
from tests.inference.listening import Listener, ask, ids_of, text_of
from tests.inference.upstream_server import Server

Start = Callable[[Engine], Listener]

PROMPT_TOO_LONG = (400, {"error": {"message": "This model's maximum context length is 512 tokens."}})


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream_module, "PAUSES_S", (0.01, 0.01))
    monkeypatch.setattr(upstream_models, "PAUSE_S", 0.05)


def failure_of(events: list[StreamEvent]) -> tuple[str, bool]:
    assert [event.kind for event in events if event.kind != "delta"] == ["started", "failed"]
    assert events[-1].failure is not None
    return events[-1].failure.code, events[-1].failure.retryable


def until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_the_server_is_asked_as_the_request_says(server: Server, upstream: Listener) -> None:
    messages = (ChatMessage("system", "Be brief."), ChatMessage("user", "你好"))
    sampling = SamplingParams(
        seed=7, temperature=0.5, top_p=0.8, top_k=40, repetition_penalty=1.1, max_tokens=6, stop=("END",)
    )
    (events,) = upstream.run(GenerationRequest("one", messages, sampling))

    assert server.asked == [
        {
            "model": "scripted",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "你好"}],
            "stream": True,
            "max_tokens": 6,
            "temperature": 0.5,
            "top_p": 0.8,
            "seed": 7,
            "stop": ["END"],
            "top_k": 40,
            "repetition_penalty": 1.1,
            "store": False,
            "stream_options": {"include_usage": True},
        }
    ]
    assert text_of(events) == scripted_text("你好", 6)
    assert (upstream.info.base_model, upstream.info.context_length) == ("scripted", 4096)


def test_a_cancelled_reply_is_not_written_further(server: Server, upstream: Listener) -> None:
    server.tokens_per_second = 50
    request = ask(max_tokens=400)
    upstream.engine.submit(request)
    upstream.wait_for(request, deltas=2)
    upstream.engine.cancel(request.generation_id)

    assert upstream.end_of(request)[-1].finish_reason == "cancelled"
    time.sleep(0.5)
    written = server.written[0]
    time.sleep(0.5)
    assert server.written[0] == written < 100


def test_a_connection_that_breaks_fails_the_reply_and_another_try_goes_on(server: Server, upstream: Listener) -> None:
    server.break_after = 5
    (broken,) = upstream.run(ask(max_tokens=12))
    assert failure_of(broken) == ("upstream.unavailable", True)
    assert len(ids_of(broken)) == 5

    (again,) = upstream.run(ask(max_tokens=12, prefix=ids_of(broken), said=text_of(broken)))

    assert text_of(broken) + text_of(again) == scripted_text("How are you?", 12)
    assert ids_of(broken) + ids_of(again) == tuple(range(12))


def test_a_server_that_writes_another_reply_the_second_time_is_not_believed(server: Server, upstream: Listener) -> None:
    for pieces in (["The", " river"], ["The"], ["A river carries"]):
        server.pieces = pieces
        (events,) = upstream.run(ask(prefix=(0, 1), said="The lake"))
        assert failure_of(events) == ("generation.not_resumable", False)
        assert text_of(events) == ""


def test_a_server_that_can_is_given_its_own_words_to_go_on_from(server: Server, start: Start) -> None:
    config = EngineConfig("upstream", upstream=replace(server.upstream, resume="continue"))
    listener = start(OpenAIEngine(config))
    (whole,) = listener.run(ask(max_tokens=12))
    said = "".join(event.delta for event in whole[:6])

    (rest,) = listener.run(ask(max_tokens=12, prefix=tuple(range(5)), said=said))

    assert said + text_of(rest) == text_of(whole)
    assert ids_of(rest) == tuple(range(5, 12))
    assert server.written[-1] == 7
    asked = server.asked[-1]
    assert asked["messages"][-1]["role"] == "assistant"
    assert (asked["continue_final_message"], asked["add_generation_prompt"]) == (True, False)
    assert asked["max_tokens"] == 7


def test_a_server_that_comes_back_is_waited_for(server: Server, upstream: Listener) -> None:
    server.refusals.extend([(503, "starting"), (429, "busy")])

    (events,) = upstream.run(ask(max_tokens=3))

    assert events[-1].finish_reason == "length"


def test_one_that_does_not_come_back_fails_the_reply(server: Server, upstream: Listener) -> None:
    server.refusals.extend([(503, "starting")] * 3)
    assert failure_of(upstream.run(ask())[0]) == ("upstream.unavailable", True)
    server.shutdown()
    server.server_close()
    assert failure_of(upstream.run(ask())[0]) == ("upstream.unavailable", True)


def test_what_a_server_does_not_know_is_left_out_from_then_on(server: Server, upstream: Listener) -> None:
    server.refusals.extend([(422, "Unexpected keys: top_k"), (400, "store: unknown")])
    request = replace(ask(max_tokens=3), sampling=SamplingParams(seed=1, top_k=5, max_tokens=3))

    (events,) = upstream.run(request)
    upstream.run(ask(max_tokens=3))

    assert events[-1].finish_reason == "length"
    extras = [{"top_k", "store", "stream_options"} & asked.keys() for asked in server.asked]
    assert extras[:2] == [{"top_k", "store", "stream_options"}, {"store", "stream_options"}]
    assert extras[2:] == [{"stream_options"}, {"stream_options"}]


def test_a_refusal_that_nothing_helps_against_changes_nothing_for_others(server: Server, upstream: Listener) -> None:
    server.refusals.extend([(400, "no")] * 4)
    assert failure_of(upstream.run(ask())[0]) == ("upstream.refused", False)

    upstream.run(ask(max_tokens=3))

    assert server.asked[-1]["stream_options"] == {"include_usage": True}


def test_a_key_that_is_refused_later_is_told_as_such(server: Server, upstream: Listener) -> None:
    server.refusals.append((401, "expired"))
    assert failure_of(upstream.run(ask())[0]) == ("upstream.refused", False)


def test_the_oldest_messages_are_left_out_until_the_rest_fits(server: Server, upstream: Listener) -> None:
    server.refusals.extend([PROMPT_TOO_LONG, PROMPT_TOO_LONG])
    turns = tuple(ChatMessage("assistant" if i % 2 else "user", str(i)) for i in range(7))

    (events,) = upstream.run(ask(messages=(ChatMessage("system", "S"), *turns), max_tokens=3))

    assert [message["content"] for message in server.asked[-1]["messages"]] == ["S", "2", "3", "4", "5", "6"]
    assert events[-1].prompt is not None
    assert events[-1].prompt.dropped_messages == 2


def test_a_question_that_never_fits_fails(server: Server, upstream: Listener) -> None:
    server.refusals.extend([PROMPT_TOO_LONG] * 3)
    messages = (ChatMessage("system", "S"), ChatMessage("assistant", "A"), ChatMessage("user", "Q" * 9000))

    assert failure_of(upstream.run(ask(messages=messages))[0]) == ("generation.prompt_too_long", False)


def test_tokens_that_came_together_are_counted(server: Server, upstream: Listener) -> None:
    server.pieces = ["one two", " three"]
    (events,) = upstream.run(ask())
    assert ids_of(events) == (0, 1)

    reply = UpstreamReply(ask())
    deltas = [*reply.take(Chunk("one two three", "stop")), *reply.take(Chunk(completion_tokens=4)), *reply.end()]

    assert ids_of(deltas) == (0, 1, 2, 3)
    assert text_of(deltas) == "one two three"


def test_a_server_that_knows_neither_limits_nor_stop_strings_is_cut(server: Server, upstream: Listener) -> None:
    server.pieces = ["a", "b", "c", "d", "e"]
    reply = UpstreamReply(ask(max_tokens=3))
    deltas = [event for piece in "abcde" for event in reply.take(Chunk(piece))]
    assert (text_of(deltas), reply.reason, reply.is_over) == ("abc", "length", True)

    reply = UpstreamReply(ask(stop=("cd",)))
    deltas = [event for piece in "abcde" for event in reply.take(Chunk(piece))]
    assert (text_of(deltas), reply.reason, reply.is_over) == ("ab", "stop", True)


def test_an_error_within_a_stream_fails_the_reply() -> None:
    reply = UpstreamReply(ask())
    with pytest.raises(UpstreamError) as failed:
        list(reply.take(Chunk(error="CUDA out of memory")))
    assert failed.value.failure.code == "upstream.unavailable"


def test_what_no_database_stores_is_shown_as_such(server: Server, upstream: Listener) -> None:
    server.pieces = ["a\0b", "\ud83d", "🙂", "\udc00c"]

    (events,) = upstream.run(ask())

    assert text_of(events) == "a\ufffdb\ufffd🙂\ufffdc"


@settings(deadline=None)
@given(st.text(st.sampled_from("ab") | st.characters(), max_size=40), st.data())
def test_however_a_text_is_cut_it_goes_on_where_it_was(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    ends = sorted(data.draw(st.sets(st.integers(0, len(text)))) | {0, len(text)})
    reply = UpstreamReply(ask(prefix=tuple(range(cut)), said=text[:cut], max_tokens=500, stop=("ab",)))
    if "ab" in text:
        return
    reply.follow(goes_on=False)

    deltas = [event for a, b in itertools.pairwise(ends) for event in reply.take(Chunk(text[a:b]))]
    deltas += [*reply.take(Chunk(finish_reason="stop")), *reply.end()]

    assert text[:cut] + text_of(deltas) == text


# Starting


def test_a_server_without_a_model_is_refused(server: Server) -> None:
    server.models = []
    engine = OpenAIEngine(EngineConfig("upstream", upstream=server.upstream))

    with pytest.raises(ValueError, match="lists no model"):
        engine.start(print)
    engine.stop()


def test_a_server_that_is_not_there_yet_is_waited_for(start: Start, server: Server) -> None:
    address = server.server_address
    server.shutdown()
    server.server_close()
    later = threading.Timer(0.3, lambda: start_again(address))

    def start_again(address: Any) -> None:
        server.socket = socket.create_server(address)
        server.serve_forever(0.05)

    later.daemon = True
    later.start()

    listener = start(OpenAIEngine(EngineConfig("upstream", upstream=server.upstream)))

    assert listener.run(ask(max_tokens=3))[0][-1].finish_reason == "length"


def test_a_server_that_cannot_list_its_models_writes_with_the_one_that_is_named(
    server: Server, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.inference.upstream_server._Handler.do_GET", lambda self: self._answer(500, "no list"))

    listener = start(OpenAIEngine(EngineConfig("upstream", upstream=replace(server.upstream, model="scripted"))))

    assert listener.run(ask(max_tokens=3))[0][-1].finish_reason == "length"


def test_waiting_ends_when_the_engine_is_stopped(server: Server) -> None:
    engine = OpenAIEngine(EngineConfig("upstream", upstream=replace(server.upstream, url="http://127.0.0.1:9/v1")))
    thread = threading.Thread(target=engine.start, args=(print,), daemon=True)
    thread.start()
    until(lambda: engine._thread.is_alive())

    engine.stop()

    assert not engine._thread.is_alive()


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_stops_the_start(
    status: int, server: Server, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.inference.upstream_server._Handler.do_GET", lambda self: self._answer(status, {}))
    engine = OpenAIEngine(EngineConfig("upstream", upstream=server.upstream))

    with pytest.raises(ValueError, match="refuses the key"):
        engine.start(print)
    engine.stop()


def test_without_an_address_nothing_starts() -> None:
    with pytest.raises(ValueError, match="UPSTREAM_URL"):
        OpenAIEngine(EngineConfig("upstream")).start(print)


def test_a_named_model_is_asked_for_though_it_is_not_listed(
    server: Server, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    listener = start(OpenAIEngine(EngineConfig("upstream", upstream=replace(server.upstream, model="other"))))

    assert "does not list other; it lists scripted" in caplog.text
    assert failure_of(listener.run(ask())[0]) == ("upstream.refused", False)
    assert server.asked[-1]["model"] == "other"


def test_weights_that_lie_here_too_give_the_model_its_name(server: Server, start: Start, tiny_folder: Path) -> None:
    """So that adapters which were trained from them fit."""
    ours = start(OpenAIEngine(EngineConfig(str(tiny_folder), upstream=server.upstream))).info
    theirs = start(OpenAIEngine(EngineConfig("upstream", upstream=server.upstream))).info

    weights = hashlib.sha256((tiny_folder / "model.safetensors").read_bytes()).hexdigest()
    assert ours.base_model_sha256 == hashlib.sha256(weights.encode()).hexdigest()
    assert theirs.base_model_sha256 != ours.base_model_sha256


def test_the_key_is_not_in_what_is_logged_of_it() -> None:
    assert "secret" not in repr(UpstreamServer("http://127.0.0.1:9/v1", api_key="secret"))


def test_the_upstream_engine_needs_no_torch() -> None:
    code = "import sys, inference.serving.upstream; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Adapters


@pytest.fixture
def adapter(tmp_path: Path) -> AdapterRef:
    (tmp_path / "adapter_model.safetensors").write_bytes(b"weights")
    return AdapterRef(hashlib.sha256(b"weights").hexdigest(), str(tmp_path))


def test_an_adapter_is_loaded_once_and_named_by_its_hash(
    server: Server, upstream: Listener, adapter: AdapterRef
) -> None:
    assert "not compared" in upstream.engine.load_adapter(adapter)

    both = upstream.run(ask(adapter=adapter, max_tokens=3), ask(max_tokens=3))

    assert [events[-1].finish_reason for events in both] == ["length", "length"]
    assert {asked["model"] for asked in server.asked} == {adapter.sha256, "scripted"}
    assert server.calls.count("/v1/load_lora_adapter") == 1


def test_one_that_is_not_kept_is_taken_out_after_its_last_reply(
    server: Server, upstream: Listener, adapter: AdapterRef
) -> None:
    server.tokens_per_second = 50
    request = ask(adapter=adapter, max_tokens=20)
    upstream.engine.submit(request)
    upstream.wait_for(request, deltas=1)

    upstream.engine.keep_adapters([])

    assert upstream.end_of(request)[-1].finish_reason == "length"
    until(lambda: not server.adapters)


def test_a_server_that_was_started_again_is_given_its_adapters_again(
    server: Server, upstream: Listener, adapter: AdapterRef
) -> None:
    upstream.engine.load_adapter(adapter)
    server.adapters.clear()

    (events,) = upstream.run(ask(adapter=adapter, max_tokens=3))

    assert events[-1].finish_reason == "length"


def test_a_server_that_loads_none_says_what_to_do(server: Server, upstream: Listener, adapter: AdapterRef) -> None:
    server.loads_adapters = False

    with pytest.raises(AdapterError, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING"):
        upstream.engine.load_adapter(adapter)
    assert failure_of(upstream.run(ask(adapter=adapter))[0]) == ("adapter.unusable", False)


def test_an_adapter_that_is_not_what_it_was_is_not_handed_on(
    server: Server, upstream: Listener, adapter: AdapterRef
) -> None:
    (Path(adapter.path) / "adapter_model.safetensors").write_bytes(b"others")
    for changed in (adapter, replace(adapter, path="/nowhere")):
        with pytest.raises(AdapterError, match=r"adapter_model\.safetensors"):
            upstream.engine.load_adapter(changed)
    assert server.adapters == set()
