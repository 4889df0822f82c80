"""Small models that the kernel can run, of shapes that differ in what has broken kernels before, and what they say."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from inference.serving.native import build
from inference.serving.native.backend import NativeBackend
from tests.prepared import folder_of_this_run

# The vocabulary is no multiple of the 16 outputs of a panel.
BASE = {"vocab_size": 421, "num_hidden_layers": 2, "max_position_embeddings": 256, "initializer_range": 0.1}
SHAPES: dict[str, dict[str, Any]] = {
    "grouped": {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 2},
    # A head of no multiple of 64; 3 groups of 32, so that scales do not fill whole lines of memory.
    "odd heads": {
        "hidden_size": 96, "intermediate_size": 160, "num_attention_heads": 2, "num_key_value_heads": 2,
        "head_dim": 80, "tie_word_embeddings": True,
    },
    # More heads share keys than the kernel takes at once, and angles are stretched as Llama 3 has them.
    "many share": {
        "hidden_size": 224, "intermediate_size": 64, "num_attention_heads": 7, "num_key_value_heads": 1,
        "head_dim": 32,
        "rope_parameters": {
            "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
        },
    },
}  # fmt: skip
FORMS = {name: gguf.GGMLQuantizationType[name] for name in ("Q4_0", "Q4_1", "Q8_0")}
SHARED = {"Q4_0": "Q8_0"}  # Embeddings of GGUF files have more bits than the rest.

MakeModel = Callable[..., Path]
Open = Callable[..., NativeBackend]


def quantised(weight: Tensor, form: str) -> Tensor:
    """The nearest values that blocks of GGUF can have, by gguf itself."""
    return torch.from_numpy(gguf.dequantize(gguf.quantize(weight.numpy(), FORMS[form]), FORMS[form]).copy())


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """A folder with a random model of a shape; its matrices are those of GGUF blocks, or float32 for no `form`. Its
    logits differ the more, the larger the head's weights are: so many `times` as the others'."""
    made: dict[tuple[str, str, int], Path] = {}

    def make(shape: str = "grouped", form: str = "Q8_0", times: int = 1) -> Path:
        key = (shape, form, times)
        if key not in made:
            made[key] = folder = tmp_path_factory.mktemp("native-model")
            torch.manual_seed(5)
            network = LlamaForCausalLM(LlamaConfig(**{**BASE, **SHAPES[shape]}))
            with torch.no_grad():
                network.lm_head.weight *= times
                for parameter in network.parameters():
                    if parameter.ndim == 1:
                        parameter.copy_(1 + 0.3 * torch.randn_like(parameter))
                    elif form:
                        parameter.copy_(quantised(parameter, form))
            network.save_pretrained(folder)
        return made[key]

    return make


@pytest.fixture(scope="session")
def kept() -> Path:
    """Where the kernel is compiled, once for all who test side by side."""
    return folder_of_this_run() / "kept"


@pytest.fixture
def empty(kept: Path, tmp_path: Path) -> Path:
    """Where nothing is kept yet but the compiled kernel."""
    folder = tmp_path / "kept"
    folder.mkdir()
    shutil.copy(build.library(kept), folder)
    return folder


@pytest.fixture
def open_backend(kept: Path) -> Iterator[Open]:
    """The kernel with a model and 32 pages for 8 slots; closed after the test."""
    backends: list[NativeBackend] = []

    def opened(model: Path, level: str | None = None, threads: int = 1) -> NativeBackend:
        backend = NativeBackend(model, threads, level, kept)
        backends.append(backend)
        backend.reserve(32, 8)
        return backend

    yield opened
    for backend in backends:
        backend.close()


@pytest.fixture(params=list(build.LEVELS))
def level(request: pytest.FixtureRequest) -> str:
    """Each instruction set that this processor has."""
    if request.param not in build.levels():
        pytest.skip(f"this processor has no {request.param}")
    return request.param


def read(
    backend: NativeBackend, rows: list[tuple[int, int, int]], outputs: list[int], adapters: list[int] | None = None
) -> Tensor:
    """A forward of (token id, slot, position)s."""
    token_ids, slots, positions = np.array(rows, np.int32).T
    chosen = np.array(adapters or [-1] * len(rows), np.int32)
    return torch.from_numpy(backend.forward(token_ids, slots, positions, chosen, np.array(outputs, np.int32)))


def tokens(count: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(0, BASE["vocab_size"], count).tolist()


@torch.inference_mode()
def network_logits(model: Path | torch.nn.Module, token_ids: list[int]) -> Tensor:
    """What transformers says in float32 after each of `token_ids`."""
    network = LlamaForCausalLM.from_pretrained(model, dtype=torch.float32).eval() if isinstance(model, Path) else model
    return network(input_ids=torch.tensor([token_ids])).logits[0]
