"""The back door against a server that is not ours: `transformers serve` with a tiny model."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from inference.contract import Engine, EngineConfig, UpstreamServer
from inference.serving.upstream import OpenAIEngine
from tests.inference.listening import Listener, ask, ids_of, text_of
from tests.product import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE_S = 240


@pytest.fixture(scope="module")
def served(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    port = free_port()
    options = ["--device", "cpu", "--dtype", "float32", "--host", "127.0.0.1", "--port", str(port)]
    log_file = tmp_path_factory.mktemp("serve") / "log.txt"
    program = [sys.executable, "-c", "from transformers.cli.transformers import main; main()", "serve"]
    with (
        log_file.open("wb") as log,
        subprocess.Popen(
            [*program, str(tiny_folder), *options],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        ) as process,
    ):
        give_up_at = time.monotonic() + PATIENCE_S
        while not _answers(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None, log_file.read_text()
            assert time.monotonic() < give_up_at, log_file.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=2).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.fixture
def listener(served: str, tiny_folder: Path, start: Callable[[Engine], Listener]) -> Listener:
    server = UpstreamServer(served, model=str(tiny_folder))
    return start(OpenAIEngine(EngineConfig(str(tiny_folder), max_running=4, upstream=server)))


def test_a_reply_is_written_and_counted(listener: Listener) -> None:
    (events,) = listener.run(ask(max_tokens=12))

    assert events[-1].kind == "finished", events[-1]
    assert events[-1].finish_reason == "length"
    assert len(ids_of(events)) == 12
    assert text_of(events)
    assert events[-1].prompt is not None
    assert events[-1].prompt.tokens > 0


def test_it_writes_what_our_own_engine_writes(listener: Listener, tiny: Listener) -> None:
    """The same weights, the same template, and no chance: the same words."""
    request = ask(max_tokens=24)

    assert text_of(listener.run(request)[0]) == text_of(tiny.run(request)[0])
    assert listener.info.base_model_sha256 == tiny.info.base_model_sha256


def test_a_reply_goes_on_where_it_was(listener: Listener) -> None:
    (whole,) = listener.run(ask(max_tokens=20))
    deltas = [event for event in whole if event.kind == "delta"]
    said, ids = text_of(deltas[:6]), ids_of(deltas[:6])

    (rest,) = listener.run(ask(max_tokens=20, prefix=ids, said=said))

    assert said + text_of(rest) == text_of(whole)
    assert len(ids) + len(ids_of(rest)) == 20


def test_replies_are_cancelled_and_others_go_on(listener: Listener) -> None:
    cancelled, other = ask("One", max_tokens=300), ask("Two", max_tokens=10)
    listener.engine.submit(cancelled)
    listener.wait_for(cancelled, deltas=1)
    listener.engine.cancel(cancelled.generation_id)

    assert listener.end_of(cancelled)[-1].finish_reason == "cancelled"
    assert listener.run(other)[0][-1].finish_reason == "length"


def test_a_stop_string_ends_the_reply_before_itself(listener: Listener) -> None:
    text = text_of(listener.run(ask(max_tokens=30))[0])
    stop = text[len(text) // 2 : len(text) // 2 + 4]

    (events,) = listener.run(ask(max_tokens=30, stop=(stop,)))

    assert (text_of(events), events[-1].finish_reason) == (text[: text.index(stop)], "stop")
