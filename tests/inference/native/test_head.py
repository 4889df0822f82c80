"""What is likely is computed exactly; of rare tokens that are not, only about how unlikely they are."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from inference import model_files
from inference.contract import SamplingParams
from inference.serving.native import build, weights
from inference.serving.native.backend import NativeBackend
from inference.serving.native.library import Kernel
from inference.serving.native.network import read_network
from inference.serving.native.verification import divergence
from inference.serving.sampling import SamplingRow, choose
from tests.inference.native.conftest import BASE, MakeModel, Open, network_logits, read, tokens
from tests.inference.native.test_adapters import EVERYTHING, last_words, make_adapter, put

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
NATS = 0.02
REACH, FAR = 5.0, 9.0  # head.cpp
TIMES = 10
EXACT = BASE["vocab_size"] // weights.COMMON // 16 * 16


@pytest.fixture
def model(make_model: MakeModel) -> Path:
    """Most of its tokens are far from likely, wherever it is."""
    return make_model("grouped", "Q8_0", TIMES)


def said(backend: NativeBackend, count: int = 40) -> torch.Tensor:
    backend.set_pages(0, range(3))
    return read(backend, [(token, 0, position) for position, token in enumerate(tokens(count))], list(range(count)))


def test_likely_tokens_and_common_ones_are_exact_and_others_near(
    model: Path, open_backend: Open, kept: Path, empty: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    found = said(open_backend(model, level))
    monkeypatch.setattr(weights, "COMMON", 1)  # nearly all are
    shutil.copy(build.library(kept, level), empty)
    exact_backend = NativeBackend(model, 1, level, empty)
    exact_backend.reserve(32, 8)
    exact = said(exact_backend)
    exact_backend.close()
    assert divergence(network_logits(model, tokens(40)), exact) < NATS
    below, error = exact.max(-1, keepdim=True).values - exact, (found - exact).abs()
    assert error[below < REACH - 1].max() < 1e-4  # one by one they are added up in another order
    assert not error[:, :EXACT][below[:, :EXACT] < REACH - 1].any()
    assert error[:, :EXACT].max() < 0.3  # the second piece of x, of those that are no longer near
    assert error[below < FAR - 2.5].max() < 0.3  # rough logits are off by some tenths, a few of them by more
    assert error[:, EXACT:][below[:, EXACT:] > FAR + 4].mean() > 0.1
    assert error.max() < 4.0
    assert divergence(exact, found) < NATS


@pytest.mark.parametrize("shape", ["grouped", "many share"])
@pytest.mark.parametrize("times", [1, TIMES])
@pytest.mark.parametrize("form", ["Q4_0", "Q8_0"])
def test_the_likeliest_token_is_the_first_of_the_highest(
    make_model: MakeModel, open_backend: Open, level: str, shape: str, times: int, form: str
) -> None:
    """With rare tokens and without, with an adapter of the head and without, of few rows and of many."""
    model = make_model(shape, form, times)
    for threads in (1, 3):
        backend = open_backend(model, level, threads)
        put(backend, 0, make_adapter(model, 1, 6, EVERYTHING)[1])
        for slot, count in enumerate((1, 2, 20, 40)):
            backend.set_pages(slot, range(4 * slot, 4 * slot + 3))
            rows = [(token, slot, position) for position, token in enumerate(tokens(count, slot))]
            for adapter in (-1, 0):
                found = read(backend, rows, list(range(count)), [adapter] * count)
                assert list(backend.likeliest) == found.numpy().argmax(-1).tolist()


def test_of_equal_tokens_the_first_is_the_likeliest(make_model: MakeModel, tmp_path: Path, open_backend: Open) -> None:
    """Those of a head whose outputs are the same two over and over, common and rare."""
    network = LlamaForCausalLM.from_pretrained(make_model("grouped", "Q8_0", TIMES), dtype=torch.float32)
    with torch.no_grad():
        network.lm_head.weight.copy_(network.lm_head.weight[torch.arange(BASE["vocab_size"]) % 2])
    network.save_pretrained(tmp_path / "model")
    for threads in (1, 2):
        backend = open_backend(tmp_path / "model", threads=threads)
        logits = said(backend, 20)
        assert list(backend.likeliest) == logits.numpy().argmax(-1).tolist()
        assert ((logits == logits.max(-1, keepdim=True).values).sum(-1) > 10).all()


def test_logits_that_are_no_numbers_are_noticed_by_what_is_said_to_be_likeliest(
    model: Path, open_backend: Open, level: str
) -> None:
    files = make_adapter(model, 1, 6, ["down_proj"])[1]
    for sides in files.weights.values():
        sides["A"], sides["B"] = sides["A"] * 1e37, sides["B"] * 1e37
    backend = open_backend(model, level, 2)
    put(backend, 0, files)
    backend.set_pages(0, range(3))
    rows = [(token, 0, position) for position, token in enumerate(tokens(20))]
    found = read(backend, rows, [19], [0] * len(rows)).numpy()
    assert np.isnan(found).all()
    assert choose(found, [SamplingRow(SamplingParams(0, temperature=0), [], 0)], backend.likeliest) == [None]


def test_rows_say_together_what_they_say_alone(model: Path, open_backend: Open) -> None:
    """Bit by bit, with an adapter of the head or without, beside others and with however many threads."""
    order = [0, -1, 0, -1, -1]
    texts = [tokens(18 + slot, slot) for slot in range(len(order))]
    files = make_adapter(model, 1, 6, EVERYTHING)[1]
    all_said = []
    for threads, is_together in ((1, False), (1, True), (2, True), (3, True)):
        backend = open_backend(model, threads=threads)
        put(backend, 0, files)
        all_said.append(last_words(backend, texts, order, is_together))
    for other in all_said[1:]:
        assert torch.equal(all_said[0], other)


def test_an_adapter_of_the_head_says_what_peft_says(model: Path, open_backend: Open) -> None:
    network, files = make_adapter(model, 2, 64, ["lm_head"], use_rslora=True)
    backend = open_backend(model)
    put(backend, 0, files)
    backend.set_pages(0, [0, 1])
    rows = [(token, 0, position) for position, token in enumerate(tokens(20))]
    expected, found = network_logits(network, tokens(20)), read(backend, rows, list(range(20)), [0] * 20)
    assert divergence(expected, found) < NATS
    assert divergence(network_logits(model, tokens(20)), found) > 4 * NATS


@pytest.mark.parametrize(
    ("which", "change"),
    [
        (-3, {"outputs": 0}),
        (-3, {"outputs": 48}),
        (-3, {"outputs": 65}),
        (-3, {"outputs": 437}),
        (-2, {"bits": 4}),
        (-2, {"kind": "panels"}),
        (-2, {"outputs": 350}),
        (-2, {"inputs": 32}),
        (-2, {"offset": 1 << 40}),
        (-2, {"offset": 32}),
        (-1, {"bits": 8}),
        (-1, {"kind": "singles"}),
        (-1, {"outputs": 0}),
        (-1, {"outputs": -16}),
        (-1, {"outputs": 350}),
        (-1, {"outputs": 437}),
        (-1, {"inputs": 32}),
        (-1, {"offset": 1 << 40}),
    ],
)
def test_a_head_whose_parts_do_not_fit_each_other_is_refused(
    model: Path, kept: Path, empty: Path, which: int, change: dict[str, Any]
) -> None:
    """Its common tokens, its rare ones one by one, and these once more in 4 bits."""
    network = read_network(model)
    packed = weights.load(model, network, empty, model_files.base_model_sha256(model))
    tensors = list(packed.tensors)
    tensors[which] = replace(tensors[which], **change)
    with pytest.raises(ValueError, match=r"does not fit|do not fit|cut short|lack"):
        Kernel(build.library(kept), network, replace(packed, tensors=tensors), 1)
