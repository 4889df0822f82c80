"""The product's backend alone: its forward, and the likeliest token. Nothing is scheduled or made into text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from bench.engine.peers import PeerUnavailable, lockstep
from bench.engine.replies import Prompt, Reply
from inference.serving.backend import NO_ADAPTER, Indices
from inference.serving.native import NativeUnavailable
from inference.serving.native.backend import NativeBackend

SLOTS = 16
PAGES = 40  # of a slot: 640 positions


class Kernel:
    """See Peer. `adapter_of` is the adapter's index of each slot."""

    def __init__(self, model: Path, threads: int) -> None:
        try:
            self.backend = NativeBackend(model, threads)
        except NativeUnavailable as reason:
            raise PeerUnavailable(str(reason)) from reason
        self.backend.reserve(PAGES * SLOTS, SLOTS)
        for slot in range(SLOTS):
            self.backend.set_pages(slot, range(PAGES * slot, PAGES * (slot + 1)))
        self.adapter_of = np.full(SLOTS, NO_ADAPTER, np.int32)

    def write(self, prompts: Sequence[Prompt], tokens: int) -> list[Reply]:
        slots = np.arange(len(prompts), dtype=np.int32)

        def step(chosen: Indices, positions: Indices) -> Indices:
            return self._next(lockstep.Rows(chosen, slots, positions, slots))

        with torch.inference_mode():
            return lockstep.write([prompt.token_ids for prompt in prompts], tokens, self._read, step)

    def close(self) -> None:
        self.backend.close()

    def _read(self, prompts: Sequence[Sequence[int]]) -> Indices:
        return np.concatenate([self._next(rows) for rows in lockstep.chunks(prompts)])

    def _next(self, rows: lockstep.Rows) -> Indices:
        logits = self.backend.forward(
            rows.token_ids, rows.slots, rows.positions, self.adapter_of[rows.slots], rows.outputs
        )
        chosen: Indices = logits.argmax(-1).astype(np.int32)
        return chosen
