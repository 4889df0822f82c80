"""One step of single tokens: where its numbers lie, what its attention does, and the CUDA graph over it.

A graph repeats kernels on the very places that it was captured with. So a step of few tokens is filled up to one of a
few sizes; what is filled up writes to a page of its own, which nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.serving.backend import NO_ADAPTER
from inference.serving.cuda.attention import attend
from inference.serving.paged_attention import Pool

Replay = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Tables:
    """The page of each run of positions, [slots + 1, pages of a slot], on the device. The last slot is nobody's: it has
    the one page that takes what is filled up."""

    pages: Tensor

    @classmethod
    def of(cls, slots: int, longest: int, spare_page: int, device: torch.device) -> Tables:
        pages = torch.zeros((slots + 1, longest), dtype=torch.int64, device=device)
        pages[slots, 0] = spare_page
        return cls(pages)

    @property
    def spare_slot(self) -> int:
        return len(self.pages) - 1

    def set(self, slot: int, pages: NDArray[np.int64]) -> None:
        known = torch.from_numpy(pages[: self.pages.shape[1]])
        self.pages[slot, : len(known)] = known.to(self.pages.device)


class Single:
    """What a step of at most `size` tokens reads, each [size] on the device, set by one copy from the host."""

    def __init__(self, size: int, spare_slot: int, device: torch.device) -> None:
        self._spare = np.array([0, spare_slot, 0, NO_ADAPTER])[:, None]
        self._host = torch.empty((4, size), dtype=torch.int64, pin_memory=device.type == "cuda")
        self._device = torch.empty_like(self._host, device=device)
        self.token_ids, self.slots, self.positions, self.adapters = self._device
        self.fill()

    def fill(self, *rows: NDArray[np.int32]) -> None:
        """`rows` are token ids, slots, positions and adapters, [n] each. The last copy must have been made."""
        host = self._host.numpy()
        host[:] = self._spare
        for place, values in zip(host, rows, strict=False):
            place[: len(values)] = values
        self._device.copy_(self._host, non_blocking=True)


@dataclass(frozen=True, slots=True)
class SingleStep:
    """What attention needs in one forward of single tokens: `cells` [n] as in paged_attention.Layout, `tables`
    [n, pages]."""

    pool: Pool
    cells: Tensor
    tables: Tensor
    positions: Tensor

    @classmethod
    def of(cls, single: Single, tables: Tables, pool: Pool) -> SingleStep:
        own = tables.pages[single.slots]
        page = own.gather(1, (single.positions // pool.page_tokens)[:, None])[:, 0]
        return cls(pool, page * pool.page_tokens + single.positions % pool.page_tokens, own, single.positions)

    def attend(self, module: Any, query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]) -> Tensor:
        """`query`, `key` and `value` are [1, heads, n, size]; returns [1, n, heads, size]."""
        keys, values = self.pool.keys[module.layer_idx], self.pool.values[module.layer_idx]
        keys.flatten(0, 1)[self.cells] = key[0].transpose(0, 1)
        values.flatten(0, 1)[self.cells] = value[0].transpose(0, 1)
        scale = options.get("scaling") or query.shape[-1] ** -0.5
        return attend(query[0].transpose(0, 1), keys, values, self.tables, self.positions, scale).unsqueeze(0)


def captured(run: Callable[[], Tensor], memory: Any) -> tuple[Replay, Tensor]:
    """A CUDA graph of `run`, and where each replay leaves what `run` returns. `memory` is a handle of
    torch.cuda.graph_pool_handle: graphs that share one overwrite each other's results.

    Raises RuntimeError when `run` does what no graph can repeat.
    """
    # Once before: kernels are compiled and libraries take their memory, neither of which may happen in a capture.
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # Another thread may use the GPU meanwhile.
    with torch.cuda.graph(graph, pool=memory, capture_error_mode="thread_local"):
        result = run()
    return graph.replay, result
