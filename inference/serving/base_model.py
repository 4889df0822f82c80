"""Runs a base model's forwards over slots of the cache. Knows nothing of requests, sampling or text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer

from inference import pretrained
from inference.contract import EngineConfig
from inference.serving.kv_cache import SlotCache


class BaseModel:
    """A loaded model with its cache. Raises OSError or ValueError with a sentence."""

    def __init__(self, config: EngineConfig) -> None:
        self.folder = pretrained.local_folder(config.model)
        self.device = pretrained.best_device()
        self.dtype = pretrained.dtype_for(config.dtype, self.device)
        self.network: Any = pretrained.load_network(self.folder, self.dtype, self.device)
        self.tokenizer = AutoTokenizer.from_pretrained(self.folder)
        text_config = self.network.config.get_text_config()
        self.vocabulary: int = self.network.get_input_embeddings().num_embeddings
        self.max_context: int = text_config.max_position_embeddings
        self.end_ids = pretrained.end_ids(self.network, self.tokenizer)
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

    def last_logits(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """The logits after each of `rows`, which are equally long, [rows, vocabulary]; no slot is touched. Raises
        ValueError for ids that are none."""
        if not all(0 <= i < self.vocabulary for row in rows for i in row):
            raise ValueError(f"there are {self.vocabulary} tokens")
        ids = torch.tensor([list(row) for row in rows], device=self.device)
        logits: Tensor = self.network(input_ids=ids, use_cache=False, logits_to_keep=1).logits[:, -1].float()
        return logits

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
