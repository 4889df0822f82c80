"""Computes what is stored beside a new adapter, for those that load it to compare with (inference/self_check.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from inference import pretrained, self_check
from inference.chat_template import ChatTemplate
from inference.training.adapter import add_adapter, load_weights
from inference.training.spec import Lora


@torch.inference_mode()
def self_check_of(base: Path, folder: Path, lora: Lora, template: ChatTemplate, dtype: torch.dtype) -> bytes:
    """The file for the adapter in `folder`, computed by what was written there and not by what was trained. It loads
    the base model anew, with the adapter in `dtype` as the engine has it, so for a moment there are two."""
    device = pretrained.best_device()
    network: Any = add_adapter(pretrained.load_network(base, dtype, device), lora, seed=0).eval()
    load_weights(network, folder)
    network.to(dtype)
    token_ids = template.encode(self_check.PROMPT)
    ids = torch.tensor([token_ids], device=device)
    adapted = network(input_ids=ids, use_cache=False, logits_to_keep=1).logits[0, -1]
    with network.disable_adapter():
        without = network(input_ids=ids, use_cache=False, logits_to_keep=1).logits[0, -1]
    name = str(dtype).removeprefix("torch.")
    return self_check.written(self_check.measured(token_ids, adapted, without, name))
