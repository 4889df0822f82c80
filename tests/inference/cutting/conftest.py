"""A tiny model of four layers, two of which change nothing, cut by those two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from inference.cutting.run import cut
from tests.inference.conftest import make_tokenizer

USELESS = (1, 2)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With its head tied to the embedding, and in several files of weights, as larger models are."""
    return make_whole(tmp_path_factory.mktemp("whole"))


def make_whole(folder: Path, kind: str = "llama") -> Path:
    tokenizer = make_tokenizer()
    config = AutoConfig.for_model(
        kind, vocab_size=len(tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=2, head_dim=12, max_position_embeddings=512, sliding_window=None,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, tie_word_embeddings=True,
        initializer_range=0.3,
    )  # fmt: skip
    torch.manual_seed(3)
    network: Any = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for number in USELESS:
            layer = network.model.layers[number]
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    network.save_pretrained(folder, max_shard_size="100KB")
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def smaller(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cut") / "smaller"
    cut(str(whole), len(USELESS), out, "float32")
    return out
