"""Loads a base model and runs forwards over slots of the cache. Knows nothing of requests, sampling or text.

Supported are decoder-only models of transformers that attend to all earlier positions and take `position_ids`.
Not supported: sliding windows, linear or recurrent layers, ALiBi, encoders, and models with code of their own.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.utils import logging

from inference.contract import EngineConfig
from inference.serving.kv_cache import SlotCache

HUB_FILES = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt"]


class BaseModel:
    """A loaded model with its cache. Raises OSError or ValueError with a sentence."""

    def __init__(self, config: EngineConfig) -> None:
        if not sys.stderr.isatty():
            logging.disable_progress_bar()
        self.folder = _local_folder(config.model)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.dtype = _dtype(config.dtype, self.device)
        _refuse_unsupported(AutoConfig.from_pretrained(self.folder))
        self.tokenizer = AutoTokenizer.from_pretrained(self.folder)
        self.network: Any = AutoModelForCausalLM.from_pretrained(
            self.folder, dtype=self.dtype, attn_implementation="sdpa", use_safetensors=True, trust_remote_code=False
        )
        self.network.to(self.device).eval()
        if "position_ids" not in inspect.signature(self.network.forward).parameters:
            raise ValueError(f"{config.model} takes no position_ids, so its rows cannot be decoded together.")
        text_config = self.network.config.get_text_config()
        self.vocabulary: int = self.network.get_input_embeddings().num_embeddings
        self.max_context: int = text_config.max_position_embeddings
        self.end_ids = _end_ids(self.network.generation_config, self.tokenizer.eos_token_id)
        self._layers: int = text_config.num_hidden_layers
        self._cache = SlotCache(self._layers)

    def clear(self) -> None:
        """Forget all rows, and give back the memory that long ones have taken."""
        if self._cache.has_grown_long:
            self._cache = SlotCache(self._layers)

    def prefill(self, slot: int, token_ids: Sequence[int], begin: int) -> Tensor:
        """Read `token_ids` into `slot` from position `begin` on; returns the last one's logits, [1, vocabulary]."""
        end = begin + len(token_ids)
        positions = torch.arange(begin, end, device=self.device).unsqueeze(0)
        return self._forward(slot, torch.tensor([token_ids], device=self.device), positions, end)

    def decode(self, token_ids: Sequence[int], lengths: Sequence[int]) -> Tensor:
        """One more token for each of the first slots, which hold `lengths` positions; returns [rows, vocabulary]."""
        positions = torch.tensor(lengths, device=self.device).unsqueeze(1)
        return self._forward(0, torch.tensor(token_ids, device=self.device).unsqueeze(1), positions, max(lengths) + 1)

    def move(self, source: int, target: int, length: int) -> None:
        """Let the row in slot `source`, `length` positions long, take slot `target`."""
        self._cache.move(source, target, length)

    def _forward(self, first: int, token_ids: Tensor, positions: Tensor, length: int) -> Tensor:
        self._cache.aim(first, positions, length)
        # [rows, 1, new, length]: each new token sees its own row up to itself.
        mask = torch.arange(length, device=self.device) <= positions[:, None, :, None]
        output = self.network(
            input_ids=token_ids,
            position_ids=positions,
            attention_mask=mask,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = output.logits[:, -1].float()
        return logits


def _local_folder(model: str) -> Path:
    folder = Path(model)
    if folder.is_dir():
        return folder
    if folder.is_absolute() or model.startswith("."):
        raise OSError(f"There is no model in {model}. Run python -m inference.serving.prepare, or correct MODEL.")
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model, allow_patterns=HUB_FILES))


def _dtype(wanted: str, device: torch.device) -> torch.dtype:
    if wanted != "auto":
        return torch.bfloat16 if wanted == "bfloat16" else torch.float32
    # Without its own instructions, bfloat16 is slower than float32.
    is_fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if is_fast else torch.float32


def _refuse_unsupported(config: Any) -> None:
    text_config = config.get_text_config()
    kinds = set(getattr(text_config, "layer_types", None) or ["full_attention"])
    # Some configurations name a window that their own switch turns off.
    window = getattr(text_config, "sliding_window", None) if getattr(text_config, "use_sliding_window", True) else None
    if config.is_encoder_decoder or kinds != {"full_attention"} or window or getattr(text_config, "alibi", False):
        raise ValueError(f"{config.model_type} cannot be served: only decoders with full attention in all layers can.")


def _end_ids(generation_config: GenerationConfig, tokenizer_end: int | None) -> frozenset[int]:
    declared = generation_config.eos_token_id
    ids = declared if isinstance(declared, list) else [declared]
    return frozenset(i for i in [*ids, tokenizer_end] if i is not None)
