"""A backend that keeps, in the place of keys and values, which token was read there under which adapter.

So whatever goes wrong with pages is found at once, and exactly: a position that nobody has written, one that somebody
else has overwritten, one that another adapter has read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from inference.serving.adapters import AdapterFiles
from inference.serving.backend import NO_ADAPTER, PAGE_TOKENS, Indices

EMPTY = -1


class LedgerBackend:
    """See backend.Backend. 1 MiB of cache are `pages` pages. `poison` is a token after which nothing is a number.
    `unsaid` are tokens that it never writes."""

    name = device = "cpu"
    dtype = "none"
    likeliest: Sequence[int] | None = None
    max_context = 1024
    page_tokens = PAGE_TOKENS
    linears: dict[str, tuple[int, int]] = {}

    def __init__(self, vocabulary: int, pages: int, poison: int, unsaid: Sequence[int]) -> None:
        self.vocabulary = vocabulary
        self.page_bytes = (1 << 20) // pages
        self.must_fail = False
        self._poison = poison
        self._unsaid = list(unsaid)
        self._adapters: dict[int, int] = {NO_ADAPTER: 0}

    def reserve(self, pages: int, slots: int) -> None:
        self.cells = np.full((pages * PAGE_TOKENS, 2), EMPTY, dtype=np.int64)
        self._tables = [np.empty(0, dtype=np.int64)] * slots

    def set_pages(self, slot: int, pages: Sequence[int]) -> None:
        self._tables[slot] = np.asarray(pages, dtype=np.int64)

    def forward(
        self, token_ids: Indices, slots: Indices, positions: Indices, adapters: Indices, output_rows: Indices
    ) -> Tensor:
        if self.must_fail:
            self.must_fail = False
            raise RuntimeError("as asked")
        for token_id, slot, position, adapter in zip(token_ids, slots, positions, adapters, strict=True):
            self.cells[self._cells_of(slot, position)[-1]] = token_id, self._adapters[adapter]
        return torch.stack([self._logits(slots[row], positions[row], adapters[row]) for row in output_rows])

    def put_adapter(self, index: int, files: AdapterFiles) -> Iterator[None]:
        assert index not in self._adapters
        yield
        self._adapters[index] = int(files.sha256, 16)

    def drop_adapter(self, index: int) -> None:
        self._adapters.pop(index, None)

    def _cells_of(self, slot: int, position: int) -> np.ndarray:
        at = np.arange(position + 1)
        cells: np.ndarray = self._tables[slot][at // PAGE_TOKENS] * PAGE_TOKENS + at % PAGE_TOKENS
        return cells

    def _logits(self, slot: int, position: int, adapter: int) -> Tensor:
        read = self.cells[self._cells_of(slot, position)]
        assert (read[:, 0] != EMPTY).all(), "a position that nobody has read"
        assert (read[:, 1] == self._adapters[adapter]).all(), "a position that another adapter has read"
        if (read[:, 0] == self._poison).any():
            return torch.full((self.vocabulary,), torch.nan)
        seed = int.from_bytes(hashlib.blake2b(read.tobytes(), digest_size=8).digest(), "little")
        logits = np.random.default_rng(seed).normal(size=self.vocabulary, scale=3).astype(np.float32)
        logits[self._unsaid] = -1000
        return torch.from_numpy(logits)
