"""Rows with different LoRA adapters share a batch and do not touch each other; a bad adapter touches nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from inference.contract import AdapterRef
from inference.serving import adapters
from tests.inference.conftest import Make, ref_of
from tests.inference.listening import Listener, ask, ids_of
from tests.inference.test_greedy_equals_generate import generate, load

# peft 0.21 reads this name while the tests make and check adapters; the engine does not come by there.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


def names_in(listener: Listener) -> set[str]:
    """What is in the network's layers."""
    engine: Any = listener.engine
    indices = {index for _, layer in engine._backend._lora._adapted() for index in layer.pairs}
    return {name for name in engine._adapters.loaded if engine._adapters.index_of(name) in indices}


def edit(ref: AdapterRef, config: dict[str, Any] | None = None, **weights: torch.Tensor) -> AdapterRef:
    """The same adapter with something changed, under its new hash."""
    folder = Path(ref.path)
    path = folder / adapters.CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), **(config or {})}))
    if weights:
        save_file({**load_file(folder / adapters.WEIGHTS), **weights}, folder / adapters.WEIGHTS)
    return ref_of(folder)


def test_a_mixed_batch_writes_what_each_row_would_write_alone(tiny: Listener, tiny_folder: Path, make: Make) -> None:
    one, two = make(1), make(2, ("q_proj", "k_proj", "o_proj", "up_proj", "down_proj"))
    requests = [
        ask(f"Question {i}", adapter=ref, max_tokens=20) for i, ref in enumerate([one, None, two, one, two, None])
    ]
    replies = tiny.run(*requests)
    seen = set()
    for request, events in zip(requests, replies, strict=True):
        network, tokenizer = load(tiny_folder)
        if request.adapter:
            network = PeftModel.from_pretrained(network, request.adapter.path).eval()
        assert ids_of(events) == generate((network, tokenizer), request.messages[0].text, 20)
        seen.add(ids_of(events))
    assert len(seen) == len(requests)


def test_the_adapter_decides_the_reply(tiny: Listener, make: Make) -> None:
    one, two, base = tiny.run(ask(adapter=make(1)), ask(adapter=make(2)), ask())
    assert len({ids_of(one), ids_of(two), ids_of(base)}) == 3


def test_adapters_that_are_not_used_make_room(tiny: Listener, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "MAX_LOADED", 2)
    refs = [make(seed) for seed in range(4)]
    first = [ids_of(tiny.run(ask(adapter=ref))[0]) for ref in refs]
    assert names_in(tiny) == {refs[2].sha256, refs[3].sha256}
    # More at once than may stay loaded: those in use are never taken out.
    together = tiny.run(*(ask(adapter=ref) for ref in refs))
    assert [ids_of(events) for events in together] == first


def rejected(listener: Listener, ref: AdapterRef) -> str:
    """The reason, after checking that the base model and the engine have not been touched."""
    before = tiny_reply(listener)
    bad, beside = listener.run(ask(adapter=ref), ask())
    assert [event.kind for event in bad] == ["started", "failed"]
    assert bad[-1].failure is not None
    assert (bad[-1].failure.code, bad[-1].failure.retryable) == ("adapter.unusable", False)
    assert ids_of(beside) == before == tiny_reply(listener)
    return bad[-1].failure.message


def tiny_reply(listener: Listener) -> tuple[int, ...]:
    return ids_of(listener.run(ask())[0])


def test_files_that_are_not_those_registered_are_refused(tiny: Listener, make: Make) -> None:
    assert "sha256 differs" in rejected(tiny, AdapterRef("0" * 64, make(1).path))


def test_only_safetensors_are_read(tiny: Listener, make: Make) -> None:
    ref = make(1)
    (Path(ref.path) / adapters.WEIGHTS).rename(Path(ref.path) / "adapter_model.bin")
    assert "cannot be read" in rejected(tiny, ref)


def test_a_damaged_file_is_refused(tiny: Listener, make: Make) -> None:
    ref = make(1)
    (Path(ref.path) / adapters.WEIGHTS).write_bytes(b"not safetensors at all")
    assert "damaged" in rejected(tiny, ref_of(Path(ref.path)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"auto_mapping": {"base_model_class": "os.system"}}, "auto_mapping"),
        ({"peft_type": "ADALORA"}, "does not describe a LoRA adapter"),
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"r": 100_000}, "rank"),
        ({"r": 8}, "do not fit"),
        ({"r": "4"}, "wrong type"),
        ({"something_new": 1}, "something_new"),
    ],
)
def test_a_config_that_asks_for_more_than_lora_is_refused(
    tiny: Listener, make: Make, change: dict[str, Any], reason: str
) -> None:
    assert reason in rejected(tiny, edit(make(1), change))


def test_weights_that_would_overwrite_the_base_model_are_refused(tiny: Listener, make: Make) -> None:
    key = "base_model.model.model.layers.0.self_attn.q_proj.base_layer.weight"
    assert "no LoRA weight" in rejected(tiny, edit(make(1), **{key: torch.ones(48, 48)}))


def test_weights_for_layers_that_are_not_there_are_refused(tiny: Listener, make: Make) -> None:
    key = "base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight"
    assert "no such layer" in rejected(tiny, edit(make(1), **{key: torch.ones(4, 48)}))


def test_weights_that_are_not_numbers_are_refused(tiny: Listener, make: Make) -> None:
    key = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    assert "not finite" in rejected(tiny, edit(make(1), **{key: torch.full((4, 48), torch.nan)}))
