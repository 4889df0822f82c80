"""The torch backend with steps of single tokens captured as CUDA graphs. See serving/backend.py.

A step that has pieces of prompts too is two forwards: the single tokens by their graph, the pieces as torch runs them.
A GPU reads the matrices twice sooner than a thousand kernels are launched once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.serving.adapters import AdapterFiles
from inference.serving.backend import NO_ADAPTER, PAGE_TOKENS, Indices
from inference.serving.cuda import CudaUnavailable
from inference.serving.cuda.decoding import Replay, Single, SingleStep, Tables, captured
from inference.serving.cuda.lora import GatheredLayers
from inference.serving.torch_backend import TorchBackend


class CudaBackend(TorchBackend):
    """Raises OSError or ValueError with a sentence when the model cannot be used, and CudaUnavailable when its steps
    cannot be captured."""

    name = "cuda"
    layers = GatheredLayers
    _lora: GatheredLayers

    def __init__(self, folder: Path, dtype: str) -> None:
        super().__init__(folder, dtype)
        try:
            self.reserve(1, 1)
        except RuntimeError as error:
            raise CudaUnavailable(f"{folder.name} does what no CUDA graph can repeat: {error}") from error

    @torch.inference_mode()
    def reserve(self, pages: int, slots: int) -> None:
        super().reserve(pages + 1, slots)
        self._pages = pages  # The last one takes what steps are filled up with.
        device = self.network.device
        self._places = Tables.of(slots, -(-self.max_context // PAGE_TOKENS), spare_page=pages, device=device)
        self._singles = {2**power: Single(2**power, slots, device) for power in range((slots - 1).bit_length() + 1)}
        self._graphs: dict[tuple[int, bool], tuple[Replay, Tensor]] = {}
        self._changes = self._lora.changes
        self._memory = torch.cuda.graph_pool_handle()
        for size in reversed(self._singles):
            self._graph(size, is_adapted=False)

    @torch.inference_mode()
    def set_pages(self, slot: int, pages: Sequence[int]) -> None:
        before = self._tables[slot] if 0 <= slot < len(self._tables) else None
        super().set_pages(slot, pages)
        if not np.array_equal(before, self._tables[slot]):
            self._places.set(slot, self._tables[slot])

    @torch.inference_mode()
    def forward(
        self, token_ids: Indices, slots: Indices, positions: Indices, adapters: Indices, output_rows: Indices
    ) -> Tensor:
        self._check(token_ids, slots, positions, adapters, output_rows)
        single = _stand_alone(slots)
        if single.all():
            return self._read_singles(token_ids, slots, positions, adapters, output_rows)
        if not single.any():
            return super().forward(token_ids, slots, positions, adapters, output_rows)
        logits = torch.empty((len(output_rows), self.vocabulary), device=self.network.device)
        for chosen, read in ((single, self._read_singles), (~single, super().forward)):
            rows = [values[chosen] for values in (token_ids, slots, positions, adapters)]
            outputs = chosen[output_rows]
            among_chosen = (chosen.cumsum() - 1)[output_rows[outputs]]
            logits[torch.from_numpy(np.flatnonzero(outputs))] = read(*rows, among_chosen)
        return logits

    @torch.inference_mode()
    def put_adapter(self, index: int, files: AdapterFiles) -> Iterator[None]:
        yield from super().put_adapter(index, files)
        try:
            for size in self._singles:
                self._graph(size, is_adapted=True)
                yield
        except RuntimeError as error:
            self.drop_adapter(index)
            raise ValueError(f"No CUDA graph could be captured with it: {error}") from error

    def _read_singles(
        self,
        token_ids: Indices,
        slots: Indices,
        positions: Indices,
        adapters: Indices,
        output_rows: NDArray[np.integer],
    ) -> Tensor:
        size = 1 << (len(slots) - 1).bit_length()
        replay, logits = self._graph(size, is_adapted=bool((adapters != NO_ADAPTER).any()))
        self._singles[size].fill(token_ids, slots, positions, adapters)
        replay()
        # Copied, since the next step writes to the same place.
        return self._sound(logits[torch.from_numpy(output_rows)], slots[output_rows])

    def _graph(self, size: int, is_adapted: bool) -> tuple[Replay, Tensor]:
        if self._changes != self._lora.changes:
            self._changes = self._lora.changes
            self._graphs = {key: graph for key, graph in self._graphs.items() if not key[1]}
        if (size, is_adapted) not in self._graphs:
            single = self._singles[size]
            single.fill()
            self._graphs[size, is_adapted] = captured(lambda: self._logits(single, is_adapted), self._memory)
        return self._graphs[size, is_adapted]

    def _logits(self, single: Single, is_adapted: bool) -> Tensor:
        """[size, vocabulary]"""
        with self._lora.gathering(single.adapters if is_adapted else None):
            output = self.network(
                input_ids=single.token_ids[None],
                position_ids=single.positions[None],
                use_cache=False,
                paged=SingleStep.of(single, self._places, self._pool),
            )
        logits: Tensor = output.logits[0].float()
        return logits


def _stand_alone(slots: Indices) -> NDArray[np.bool_]:
    """Which of the tokens are the only one of their slot: [n]."""
    is_first = np.diff(slots, prepend=-1) != 0
    return is_first & np.append(is_first[1:], True)
