"""What a captured step reads: blocks of tokens of one slot each, in places that never move, and a CUDA graph over them.

A graph repeats kernels on the very places that it was captured with. So tokens are put into blocks, of one token each
while replies are written, of 16 while prompts are read, and a step has one of a few numbers of blocks:

    blocks of 4:   a₀ a₁ a₂ a₃ | a₄ a₅ ·  ·  | b₇ b₈ b₉ · | ·  ·  ·  ·

What is filled up (·) writes to a page of its own, which nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.serving.backend import NO_ADAPTER, Indices
from inference.serving.cuda.attention import attend
from inference.serving.paged_attention import Pool

Replay = Callable[[], object]
Places = NDArray[np.int64]


class Tables:
    """`pages` [slots + 1, pages of a slot] on the device: where each slot's positions lie. The last slot is nobody's:
    it has the one page that takes what is filled up."""

    def __init__(self, slots: int, longest: int, spare_page: int, device: torch.device) -> None:
        self.spare_slot = slots
        self.pages = torch.zeros((slots + 1, longest), dtype=torch.int64, device=device)
        self.pages[slots, 0] = spare_page

    def set(self, slot: int, pages: NDArray[np.int64]) -> None:
        known = torch.from_numpy(pages[: self.pages.shape[1]])
        self.pages[slot, : len(known)] = known.to(self.pages.device)


class Blocks:
    """`count` blocks of `tokens`: token ids, slots, positions and adapters, [count · tokens] each, and the places of
    those after which logits are wanted, `kept` [count]. On the device, set by one copy from the host."""

    def __init__(self, count: int, tokens: int, spare_slot: int, device: torch.device) -> None:
        self.tokens = tokens
        size = count * tokens
        lengths = [size] * 4 + [count]
        self._host = torch.empty(sum(lengths), dtype=torch.int64, pin_memory=device.type == "cuda")
        self._device = torch.empty_like(self._host, device=device)
        self._parts = [part.numpy() for part in torch.split(self._host, lengths)]
        self._spare = [0, spare_slot, 0, NO_ADAPTER, 0]
        self.token_ids, self.slots, self.positions, self.adapters, self.kept = torch.split(self._device, lengths)
        self.fill(np.arange(0), [], np.arange(0))

    def fill(self, places: Places, rows: list[Indices], kept: Places) -> None:
        """Put token ids, slots, positions and adapters, [n] each, at `places`."""
        for part, spare, values in zip(self._parts, self._spare, [*rows, *[None] * (5 - len(rows))], strict=True):
            part[:] = spare
            if values is not None:
                part[places] = values
        self._parts[4][: len(kept)] = kept
        self._device.copy_(self._host)  # waited for: the next step may be written at once


@dataclass(frozen=True, slots=True)
class Step:
    """What attention needs in one forward of `blocks`; `cells` as in paged_attention.Layout."""

    pool: Pool
    tables: Tensor
    blocks: Blocks
    cells: Tensor

    @classmethod
    def of(cls, pool: Pool, tables: Tables, blocks: Blocks) -> Step:
        size = pool.page_tokens
        pages = tables.pages[blocks.slots, blocks.positions // size]
        return cls(pool, tables.pages, blocks, pages * size + blocks.positions % size)

    def attend(self, module: Any, query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]) -> Tensor:
        """`query`, `key` and `value` are [1, heads, n, size]; returns [1, n, heads, size]."""
        keys, values = self.pool.keys[module.layer_idx], self.pool.values[module.layer_idx]
        keys.flatten(0, 1)[self.cells] = key[0].transpose(0, 1)
        values.flatten(0, 1)[self.cells] = value[0].transpose(0, 1)
        scale = options.get("scaling") or query.shape[-1] ** -0.5
        blocks = self.blocks
        found = attend(
            query[0].transpose(0, 1), keys, values, self.tables, blocks.slots, blocks.positions, blocks.tokens, scale
        )
        return found.unsqueeze(0)


def places_in_blocks(slots: Indices, tokens: int) -> Places:
    """Where each token goes when every slot's begin a new block: [n]; the tokens of a slot stand side by side."""
    begins = np.flatnonzero(np.diff(slots, prepend=-1))
    lengths = np.diff(np.append(begins, len(slots)))
    blocks = -(-lengths // tokens)
    first = (blocks.cumsum() - blocks) * tokens
    places: Places = np.arange(len(slots)) + np.repeat(first - begins, lengths)
    return places


def captured(run: Callable[[], Tensor], memory: Any) -> tuple[Replay, Tensor]:
    """A CUDA graph of `run`, and where each replay leaves what `run` returns. `memory` is a handle of
    torch.cuda.graph_pool_handle: graphs that share one use the same room for what lies in between.

    Raises RuntimeError when `run` does what no graph can repeat.
    """
    # Once before: kernels are compiled and libraries take their memory, neither of which may happen in a capture.
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch says no type of it
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # Another thread may use the GPU meanwhile.
    with torch.cuda.graph(graph, pool=memory, capture_error_mode="thread_local"):
        result = run()
    return graph.replay, result
