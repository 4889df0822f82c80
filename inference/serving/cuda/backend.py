"""The torch backend with its steps captured as CUDA graphs. See serving/backend.py.

A step of single tokens and pieces of prompts is two graphs: a GPU reads the matrices twice sooner than a thousand
kernels are launched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from inference.serving.adapters import AdapterFiles
from inference.serving.backend import NO_ADAPTER, PAGE_TOKENS, Indices
from inference.serving.cuda import CudaUnavailable
from inference.serving.cuda.lora import GatheredLayers
from inference.serving.cuda.norms import fuse_norms
from inference.serving.cuda.steps import Blocks, Places, Replay, Step, Tables, captured, places_in_blocks
from inference.serving.lookup import GUESSES
from inference.serving.torch_backend import TorchBackend

# Of a prompt, in a block, and in the largest step.
BLOCK_TOKENS = 16
LARGEST = 512
Form = tuple[int, int]  # how many blocks, of how many tokens


class CudaBackend(TorchBackend):
    """Raises OSError or ValueError with a sentence when the model cannot be used, and CudaUnavailable when its steps
    cannot be captured."""

    name = "cuda"
    layers = GatheredLayers
    _lora: GatheredLayers

    def __init__(self, folder: Path, dtype: str) -> None:
        super().__init__(folder, dtype)
        fuse_norms(self.network)
        try:
            self.reserve(1, 1)
        except RuntimeError as error:
            raise CudaUnavailable(f"{folder.name} does what no CUDA graph can repeat: {error}") from error

    @torch.inference_mode()
    def reserve(self, pages: int, slots: int) -> None:
        super().reserve(pages + 1, slots)
        self._pages = pages  # The last one takes what steps are filled up with.
        device = self.network.device
        self._places = Tables(slots, -(-self.max_context // PAGE_TOKENS), spare_page=pages, device=device)
        most = {1: max(slots, 1 + GUESSES), BLOCK_TOKENS: LARGEST // BLOCK_TOKENS}
        forms = [(1 << power, tokens) for tokens in most for power in range((most[tokens] - 1).bit_length() + 1)]
        self._blocks: dict[Form, Blocks] = {form: Blocks(*form, slots, device) for form in forms}
        self._lora.compile(blocks for (count, _), blocks in self._blocks.items() if count == 1)
        self._graphs: dict[tuple[Form, bool], tuple[Replay, Tensor]] = {}
        self._changes = self._lora.changes
        self._memory = torch.cuda.graph_pool_handle()
        for form in reversed(forms):  # The largest takes the room that the others use after it.
            self._graph(form, is_adapted=False)

    @torch.inference_mode()
    def set_pages(self, slot: int, pages: Sequence[int]) -> None:
        before = self._tables[slot] if 0 <= slot < len(self._tables) else np.arange(0)
        super().set_pages(slot, pages)
        if not np.array_equal(before, self._tables[slot]):
            self._places.set(slot, self._tables[slot])

    @torch.inference_mode()
    def forward(
        self, token_ids: Indices, slots: Indices, positions: Indices, adapters: Indices, output_rows: Indices
    ) -> Tensor:
        self._check(token_ids, slots, positions, adapters, output_rows)
        rows = [token_ids, slots, positions, adapters]
        is_single = np.diff(slots, prepend=-1) != 0
        is_single &= np.append(is_single[1:], True)
        # A block has one token's logits. Where more are asked for, as of guesses, each token is a block of its own:
        # keys and values of a whole step are written before any of its tokens looks at them.
        asked, times = np.unique(slots[output_rows], return_counts=True)
        is_single |= np.isin(slots, asked[times > 1])
        if is_single.all():
            return self._read(rows, output_rows, 1)
        if not is_single.any():
            return self._read(rows, output_rows, BLOCK_TOKENS)
        logits = torch.empty((len(output_rows), self.vocabulary), device=self.network.device)
        for chosen, tokens in ((is_single, 1), (~is_single, BLOCK_TOKENS)):
            outputs = chosen[output_rows]
            among_chosen = (chosen.cumsum() - 1)[output_rows[outputs]]
            read = self._read([values[chosen] for values in rows], among_chosen, tokens)
            logits[torch.from_numpy(np.flatnonzero(outputs))] = read
        return logits

    @torch.inference_mode()
    def put_adapter(self, index: int, files: AdapterFiles) -> Iterator[None]:
        yield from super().put_adapter(index, files)
        try:
            for form in self._blocks:
                self._graph(form, is_adapted=True)
                yield
        except RuntimeError as error:
            self.drop_adapter(index)
            raise ValueError(f"No CUDA graph could be captured with it: {error}") from error

    def _read(self, rows: list[Indices], output_rows: Places | Indices, tokens: int) -> Tensor:
        """The logits after `output_rows` of token ids, slots, positions and adapters, in blocks of `tokens`."""
        places = np.arange(len(rows[1])) if tokens == 1 else places_in_blocks(rows[1], tokens)
        wanted = places[output_rows]
        is_adapted = bool((rows[3] != NO_ADAPTER).any())
        most = max(blocks for blocks, of in self._blocks if of == tokens) * tokens
        logits = torch.empty((len(wanted), self.vocabulary), device=self.network.device)
        for begin in range(0, int(places[-1]) + 1, most):
            inside = (begin <= places) & (places < begin + most)
            outputs = np.flatnonzero((begin <= wanted) & (wanted < begin + most))
            own = places[inside] - begin
            form = 1 << (int(own[-1]) // tokens).bit_length(), tokens
            replay, found = self._graph(form, is_adapted)
            self._blocks[form].fill(own, [values[inside] for values in rows], wanted[outputs] - begin)
            replay()
            logits[torch.from_numpy(outputs)] = found[: len(outputs)]
        return self._sound(logits, rows[1][output_rows])

    def _graph(self, form: Form, is_adapted: bool) -> tuple[Replay, Tensor]:
        if self._changes != self._lora.changes:
            self._changes = self._lora.changes
            self._graphs = {key: graph for key, graph in self._graphs.items() if not key[1]}
        if (form, is_adapted) not in self._graphs:
            blocks = self._blocks[form]
            blocks.fill(np.arange(0), [], np.arange(0))
            self._graphs[form, is_adapted] = captured(lambda: self._logits(blocks, is_adapted), self._memory)
        return self._graphs[form, is_adapted]

    def _logits(self, blocks: Blocks, is_adapted: bool) -> Tensor:
        """[blocks, vocabulary]"""
        with self._lora.of_blocks(blocks if is_adapted else None):
            output = self.network(
                input_ids=blocks.token_ids[None],
                position_ids=blocks.positions[None],
                logits_to_keep=blocks.kept,
                use_cache=False,
                paged=Step.of(self._pool, self._places, blocks),
            )
        logits: Tensor = output.logits[0].float()
        return logits
