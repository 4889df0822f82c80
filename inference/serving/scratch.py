"""Forwards that are nobody's reply: warming up, comparing an adapter with what is stored beside it, measuring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from inference.self_check import MAX_PROMPT_TOKENS
from inference.serving.backend import NO_ADAPTER, PAGE_TOKENS, Backend

SCRATCH_PAGES = -(-MAX_PROMPT_TOKENS // PAGE_TOKENS)


class Scratch:
    """A slot of its own and `SCRATCH_PAGES` pages from `first_page` on."""

    def __init__(self, backend: Backend, slot: int, first_page: int) -> None:
        self._backend = backend
        self._slot = slot
        backend.set_pages(slot, range(first_page, first_page + SCRATCH_PAGES))

    def last_logits(self, token_ids: Sequence[int], adapter: int = NO_ADAPTER) -> Tensor:
        """The logits after `token_ids`, [vocabulary]. Raises ValueError for ids that are none."""
        return self._read(token_ids, 0, adapter, len(token_ids) - 1)[0]

    def logits(self, token_ids: Sequence[int], begin: int) -> Tensor:
        """The base model's logits after each of `token_ids`, [n, vocabulary]. Position `begin` is where the first one
        stands; those before it must have been read. Raises ValueError for ids that are none."""
        return self._read(token_ids, begin, NO_ADAPTER, 0)

    def _read(self, token_ids: Sequence[int], begin: int, adapter: int, first_output: int) -> Tensor:
        ids = np.asarray(token_ids, dtype=np.int32)
        logits = self._backend.forward(
            ids,
            np.full_like(ids, self._slot),
            np.arange(begin, begin + len(ids), dtype=np.int32),
            np.full_like(ids, adapter),
            np.arange(first_output, len(ids), dtype=np.int32),
        )
        return torch.as_tensor(logits)
