"""Rows of different adapters, ranks and targets share a forward, and each says what peft says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaForCausalLM

from inference.serving.adapters import AdapterFiles
from inference.serving.native.backend import NativeBackend
from inference.serving.native.verification import divergence
from tests.inference.native.conftest import MakeModel, Open, network_logits, read, tokens

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
NATS = 0.02
EVERYTHING = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head"]


def make_adapter(
    model: Path, seed: int, rank: int, targets: list[str], use_rslora: bool = False
) -> tuple[torch.nn.Module, AdapterFiles]:
    """The network with an adapter that matters, and the adapter's files as they are read."""
    torch.manual_seed(seed)
    config = LoraConfig(r=rank, lora_alpha=8, target_modules=targets, use_rslora=use_rslora, task_type="CAUSAL_LM")
    network = get_peft_model(LlamaForCausalLM.from_pretrained(model, dtype=torch.float32), config).eval()
    weights: dict[str, dict[str, torch.Tensor]] = {}
    for name, parameter in network.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.1)
            module, _, side = name.removeprefix("base_model.model.").partition(".lora_")
            weights.setdefault(module, {})[side[0]] = parameter.detach()
    return network, AdapterFiles(str(seed) * 64, rank, 8, use_rslora, weights, None)


def put(backend: NativeBackend, index: int, files: AdapterFiles) -> None:
    for _ in backend.put_adapter(index, files):
        pass


def last_words(backend: NativeBackend, texts: list[list[int]], order: list[int], is_together: bool) -> torch.Tensor:
    """The logits after each text, by the adapter that `order` has for it, all in one forward or one after the other."""
    batches, rows, adapters, ends = [], [], [], []
    for slot, (adapter, ids) in enumerate(zip(order, texts, strict=True)):
        backend.set_pages(slot, [2 * slot, 2 * slot + 1])
        rows += [(token, slot, position) for position, token in enumerate(ids)]
        adapters += [adapter] * len(ids)
        ends.append(len(rows) - 1)
        if not is_together or slot == len(order) - 1:
            batches.append(read(backend, rows, ends, adapters))
            rows, adapters, ends = [], [], []
    return torch.cat(batches)


def test_rows_of_different_adapters_in_one_forward_say_what_peft_says(
    make_model: MakeModel, open_backend: Open, level: str
) -> None:
    model = make_model("many share", "Q4_1")
    backend = open_backend(model, level)
    made = {
        0: make_adapter(model, 1, 5, ["q_proj", "v_proj"]),  # no multiple of what is multiplied at once
        5: make_adapter(model, 2, 16, EVERYTHING),
        2: make_adapter(model, 3, 40, ["down_proj", "k_proj", "up_proj"], use_rslora=True),
    }
    for index, (_, files) in made.items():
        put(backend, index, files)
    order = [5, -1, 0, 2, 5, 0]  # indices are of the caller's choice, and some stand twice
    rows, adapters, outputs = [], [], []
    for slot, adapter in enumerate(order):
        backend.set_pages(slot, [2 * slot, 2 * slot + 1])
        rows += [(token, slot, position) for position, token in enumerate(tokens(20, slot))]
        adapters += [adapter] * 20
        outputs.append(len(rows) - 1)
    logits = read(backend, rows, outputs, adapters)
    base = network_logits(model, tokens(20, 0))[-1:]
    for slot, adapter in enumerate(order):
        network = made[adapter][0] if adapter >= 0 else model
        expected = network_logits(network, tokens(20, slot))[-1:]
        assert divergence(expected, logits[slot : slot + 1]) < NATS
    assert divergence(base, logits[:1]) > 10 * NATS


def test_rows_with_adapters_say_together_what_they_say_alone(make_model: MakeModel, open_backend: Open) -> None:
    """Bit by bit, whoever else is in the forward and with however many threads."""
    model = make_model()
    order = [1, -1, 0, 1]
    texts = [tokens(18 + slot, slot) for slot in range(len(order))]
    said = []
    for threads, is_together in ((1, False), (1, True), (3, True)):
        backend = open_backend(model, threads=threads)
        for index, targets in enumerate((["v_proj", "up_proj"], EVERYTHING)):
            put(backend, index, make_adapter(model, index, 6, targets)[1])
        said.append(last_words(backend, texts, order, is_together))
    assert torch.equal(said[0], said[1])
    assert torch.equal(said[0], said[2])


def test_an_adapter_that_comes_and_goes_does_not_touch_the_others(make_model: MakeModel, open_backend: Open) -> None:
    model = make_model()
    backend = open_backend(model)
    backend.set_pages(0, [0, 1])
    rows = [(token, 0, position) for position, token in enumerate(tokens(20))]
    put(backend, 0, make_adapter(model, 1, 8, ["q_proj", "o_proj"])[1])
    before, base = read(backend, rows, [19], [0] * 20), read(backend, rows, [19])
    pieces = backend.put_adapter(1, make_adapter(model, 2, 8, EVERYTHING)[1])
    for _ in pieces:
        assert torch.equal(read(backend, rows, [19], [0] * 20), before)
        with pytest.raises(ValueError, match="no adapter 1"):
            read(backend, rows, [19], [1] * 20)
    other = read(backend, rows, [19], [1] * 20)
    backend.drop_adapter(0)
    backend.drop_adapter(7)
    assert torch.equal(read(backend, rows, [19], [1] * 20), other)
    assert torch.equal(read(backend, rows, [19]), base)
    with pytest.raises(ValueError, match="no adapter 0"):
        read(backend, rows, [19], [0] * 20)


def test_an_adapter_that_does_not_fit_leaves_nothing_behind(make_model: MakeModel, open_backend: Open) -> None:
    model = make_model()
    backend = open_backend(model)
    _, files = make_adapter(model, 1, 8, ["q_proj", "o_proj"])
    elsewhere = {"model.layers.9.mlp.up_proj": files.weights["model.layers.0.self_attn.q_proj"]}
    narrow = {**files.weights, "model.layers.1.self_attn.o_proj": {"A": torch.ones(8, 64), "B": torch.ones(32, 8)}}
    for weights in (elsewhere, narrow):
        bad = AdapterFiles(files.sha256, files.rank, files.alpha, files.use_rslora, weights, None)
        with pytest.raises(ValueError, match="do not fit"):
            put(backend, 0, bad)
        backend.set_pages(0, [0])
        with pytest.raises(ValueError, match="no adapter 0"):
            read(backend, [(1, 0, 0)], [0], [0])
    put(backend, 0, files)
    with pytest.raises(ValueError, match="dropped first"):
        put(backend, 0, files)
    read(backend, [(1, 0, 0)], [0], [0])
