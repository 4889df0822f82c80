"""What only an engine with a model can get wrong: context, end tokens, bad requests, failing steps, bad models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from transformers import LlamaConfig, LlamaForCausalLM

from inference.contract import ChatMessage, Engine, EngineConfig
from inference.serving import memory
from inference.serving.engine import TransformersEngine
from tests.inference.conftest import CHATML, make_tiny_model, make_tokenizer
from tests.inference.listening import Listener, ask, ids_of, text_of


def test_the_oldest_turns_make_room_and_the_reply_says_so(tiny: Listener) -> None:
    history = [ChatMessage("user" if i % 2 == 0 else "assistant", "word " * 40) for i in range(21)]
    (events,) = tiny.run(ask(messages=tuple(history), max_tokens=20))
    assert events[0].prompt is not None
    assert events[0].prompt.dropped_messages % 2 == 0
    assert 0 < events[0].prompt.dropped_messages < 20
    assert events[0].prompt.tokens + 20 <= tiny.info.context_length
    assert len(ids_of(events)) == 20


def test_a_message_longer_than_the_context_fails_with_a_reason(tiny: Listener) -> None:
    long, other = tiny.run(ask("word " * 2000), ask())
    assert [event.kind for event in long] == ["started", "failed"]
    assert long[-1].failure is not None
    assert (long[-1].failure.code, long[-1].failure.retryable) == ("generation.prompt_too_long", False)
    assert other[-1].kind == "finished"


@pytest.mark.parametrize("prefix", [(10**9,), (-1,)])
def test_a_reply_that_another_model_began_fails(tiny: Listener, prefix: tuple[int, ...]) -> None:
    (events,) = tiny.run(ask(prefix=prefix))
    assert events[-1].failure is not None
    assert events[-1].failure.code == "generation.prompt_invalid"


def test_the_models_end_token_ends_the_reply(
    tiny_folder: Path, tmp_path: Path, start: Callable[[Engine], Listener]
) -> None:
    free = start(TransformersEngine(EngineConfig(str(tiny_folder), dtype="float32")))
    ids = ids_of(free.run(ask(max_tokens=12))[0])
    end = ids[6]
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [end]}))
    listener = start(TransformersEngine(EngineConfig(str(folder), dtype="float32")))
    (events,) = listener.run(ask(max_tokens=12))
    assert ids_of(events) == ids[: ids.index(end) + 1]
    assert events[-1].finish_reason == "stop"
    (again,) = listener.run(ask(max_tokens=12, prefix=ids_of(events)))
    assert [event.kind for event in again] == ["started", "finished"]
    assert again[-1].finish_reason == "stop"


def test_a_failing_step_fails_the_replies_in_it_and_the_engine_goes_on(
    tiny: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = tiny.run(ask())
    network = tiny.engine._backend.network
    forward: Callable[..., Any] = network.forward

    def fail_on_three_rows(*args: Any, **kwargs: Any) -> Any:
        if kwargs["input_ids"].numel() == 3:
            raise RuntimeError("out of memory")
        return forward(*args, **kwargs)

    monkeypatch.setattr(network, "forward", fail_on_three_rows)
    requests = [ask(max_tokens=40) for _ in range(3)]
    for events in tiny.run(*requests):
        assert events[-1].failure is not None
        assert (events[-1].failure.code, events[-1].failure.retryable) == ("engine.step_failed", True)
    monkeypatch.undo()
    (after,) = tiny.run(ask())
    assert ids_of(after) == ids_of(before)
    # What the failed replies had said is a valid beginning.
    said = ids_of(tiny.of(requests[0]))
    (continued,) = tiny.run(ask(prefix=said, max_tokens=40))
    (whole,) = tiny.run(ask(max_tokens=40))
    assert said + ids_of(continued) == ids_of(whole)
    assert text_of(tiny.of(requests[0])) + text_of(continued) == text_of(whole)


def test_log_probabilities_come_with_their_tokens(tiny: Listener) -> None:
    plain = ask(max_tokens=4)
    told, silent = tiny.run(replace(plain, sampling=replace(plain.sampling, logprobs=2)), ask(max_tokens=4))
    assert ids_of(told) == ids_of(silent)
    for event in told[1:-1]:
        [logprobs] = event.logprobs
        assert (logprobs.chosen.token_id,) == event.token_ids
        assert logprobs.chosen == logprobs.alternatives[0]  # greedy: the likeliest is what was taken
        assert 0 >= logprobs.alternatives[0].logprob >= logprobs.alternatives[1].logprob
    assert not any(event.logprobs for event in silent)


def test_a_context_that_memory_does_not_hold_is_cut(
    tiny_folder: Path, start: Callable[[Engine], Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda _: 8 * 9216 * 20)  # an eighth of it is 20 pages
    listener = start(TransformersEngine(EngineConfig(str(tiny_folder), dtype="float32")))
    assert listener.info.context_length == 320
    long, fitting = listener.run(ask("word " * 400), ask(max_tokens=300))
    assert long[-1].failure is not None
    assert long[-1].failure.code == "generation.prompt_too_long"
    assert fitting[-1].kind == "finished"


@pytest.mark.parametrize(
    ("budget_mib", "free_bytes", "pages"),
    [(0, 1 << 29, 64), (0, 1 << 40, 80), (100, 0, 80), (3, 1 << 40, 3), (0, 1, 1)],
)
def test_pages_are_what_is_needed_as_far_as_memory_goes(
    budget_mib: int, free_bytes: int, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda _: free_bytes)
    assert memory.pages_to_reserve(1 << 20, context_pages=10, rows=8, budget_mib=budget_mib, device="cpu") == pages


def test_a_model_that_is_not_there_is_refused_with_a_sentence() -> None:
    with pytest.raises(OSError, match="There is no model in"):
        TransformersEngine(EngineConfig("/nowhere/at/all")).start(print)


@pytest.mark.parametrize(
    ("change", "reason"), [({"sliding_window": 8, "model_type": "mistral"}, "full attention"), ({}, "model reads 1024")]
)
def test_a_model_that_cannot_be_served_is_refused_with_a_sentence(
    tiny_folder: Path, tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(ValueError, match=reason):
        TransformersEngine(EngineConfig(str(folder), context_length=4096)).start(print)


@pytest.mark.parametrize("backend", ["torch", "native"])
@pytest.mark.parametrize("kept", [0.5, 0.001, 0])
def test_weights_cut_short_are_refused_with_a_sentence(
    tmp_path: Path, kept: float, backend: Literal["torch", "native"]
) -> None:
    folder = make_tiny_model(tmp_path, hidden_size=64)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: int(kept * weights.stat().st_size)])
    with pytest.raises(ValueError, match="damaged"):
        TransformersEngine(EngineConfig(str(folder), backend=backend)).start(print)


@pytest.mark.parametrize("backend", ["torch", "native"])
@pytest.mark.parametrize("missing", ["a word", "the template's last token"])
def test_a_tokenizer_that_does_not_fit_the_model_is_refused_with_a_sentence(
    tmp_path: Path, missing: str, backend: Literal["torch", "native"]
) -> None:
    """An id that the model lacks would fail a step, and with it all replies in it."""
    folder = make_tiny_model(tmp_path, hidden_size=64)
    config = json.loads((folder / "config.json").read_text())
    tokenizer = make_tokenizer()
    if missing == "a word":
        config["vocab_size"] = tokenizer.vocab_size - 1
    else:
        tokenizer.add_special_tokens({"additional_special_tokens": ["<|go|>"]})
        tokenizer.chat_template = CHATML + "<|go|>"
        tokenizer.save_pretrained(folder)
    LlamaForCausalLM(LlamaConfig(**config)).save_pretrained(folder)
    engine = TransformersEngine(EngineConfig(str(folder), backend=backend))
    with pytest.raises(ValueError, match=r"tokenizer of .* has 42\d tokens and the model 4\d\d"):
        engine.start(lambda event: None)


def test_weights_in_other_formats_than_safetensors_are_not_loaded(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        TransformersEngine(EngineConfig(str(folder))).start(print)
