"""The reference backend: any transformers model that can be asked to attend in pages, on a CPU or a GPU.

In float32 its tokens are those of transformers' generate; other backends are compared with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.serving.adapters import AdapterFiles
from inference.serving.backend import PAGE_TOKENS, Indices, Logits
from inference.serving.base_model import BaseModel
from inference.serving.lora import LoraLayers
from inference.serving.paged_attention import PAGED, Pool, Probe, Step, layout


class TorchBackend:
    """See backend.Backend. Raises OSError or ValueError with a sentence when the model cannot be used."""

    name = "torch"
    likeliest: Sequence[int] | None = None
    page_tokens = PAGE_TOKENS
    layers = LoraLayers

    def __init__(self, folder: Path, dtype: str) -> None:
        model = BaseModel(folder, dtype, self.layers)
        self.network = model.network
        self.device = model.device.type
        self.dtype = str(model.dtype).removeprefix("torch.")
        self.vocabulary = model.vocabulary
        self.max_context = model.max_context
        self._lora = model.lora
        self.linears = model.lora.linears
        self._shapes = self._probe(folder.name)
        numbers = sum(heads * size for shape in self._shapes for heads, size in shape)
        self.page_bytes = numbers * model.dtype.itemsize * PAGE_TOKENS

    def reserve(self, pages: int, slots: int) -> None:
        like = self.network.get_input_embeddings().weight
        self._pages = pages
        self._pool = Pool(self._shapes, pages, PAGE_TOKENS, like)
        self._tables: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)] * slots

    def set_pages(self, slot: int, pages: Sequence[int]) -> None:
        table = np.asarray(pages, dtype=np.int64)
        if not 0 <= slot < len(self._tables) or (table.size and not 0 <= table.min() <= table.max() < self._pages):
            raise ValueError("a slot or a page that is not reserved")
        self._tables[slot] = table

    @torch.inference_mode()
    def forward(
        self, token_ids: Indices, slots: Indices, positions: Indices, adapters: Indices, output_rows: Indices
    ) -> Logits:
        self._check(token_ids, slots, positions, adapters, output_rows)
        self._lora.use(adapters)
        output = self.network(
            input_ids=self._row(token_ids),
            position_ids=self._row(positions),
            logits_to_keep=self._row(output_rows)[0],
            use_cache=False,
            paged=Step(self._pool, layout(slots, positions, self._tables, self._pool)),
        )
        logits = self._sound(output.logits[0].float(), slots[output_rows])
        return logits.numpy() if self.device == "cpu" else logits

    def put_adapter(self, index: int, files: AdapterFiles) -> Iterator[None]:
        return self._lora.put_adapter(index, files)

    def drop_adapter(self, index: int) -> None:
        self._lora.drop_adapter(index)

    def _sound(self, logits: Tensor, slots: Indices) -> Tensor:
        """`logits` [m, vocabulary] of rows in `slots` [m], those that are no numbers having left nothing behind."""
        if not torch.isfinite(logits.sum()):
            for slot in slots[(~torch.isfinite(logits).all(1)).cpu().numpy()]:
                self._pool.make_finite(self._tables[slot].tolist())
        return logits

    @torch.inference_mode()
    def _probe(self, name: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        probe = Probe()
        self.network.set_attn_implementation(PAGED)
        try:
            self.network(input_ids=self._row(np.zeros(1)), use_cache=False, paged=probe)
        except (TypeError, KeyError) as error:
            raise ValueError(f"{name} cannot be asked to attend in pages: {error}.") from error
        layers = self.network.config.get_text_config().num_hidden_layers
        if sorted(probe.shapes) != list(range(layers)):
            raise ValueError(f"{name} attends in a way of its own, so its rows cannot be computed together.")
        return [probe.shapes[layer] for layer in range(layers)]

    def _row(self, values: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(values.astype(np.int64)).to(self.network.device).unsqueeze(0)

    def _check(
        self, token_ids: Indices, slots: Indices, positions: Indices, adapters: Indices, output_rows: Indices
    ) -> None:
        if not token_ids.shape == slots.shape == positions.shape == adapters.shape == (token_ids.size,):
            raise ValueError("token_ids, slots, positions and adapters are not equally long")
        if not token_ids.size or output_rows.ndim != 1:
            raise ValueError("no tokens, or output_rows in a shape of their own")
        _require_within(token_ids, self.vocabulary, "token id")
        _require_within(slots, len(self._tables), "slot")
        _require_within(output_rows, token_ids.size, "output row")
        room = np.array([len(table) * PAGE_TOKENS for table in self._tables])
        if positions.min() < 0 or (positions >= room[slots]).any() or positions.max() >= self.max_context:
            raise ValueError("a position that is outside its slot's pages or the context")


def _require_within(values: Indices, end: int, what: str) -> None:
    if values.size and not 0 <= values.min() <= values.max() < end:
        raise ValueError(f"a {what} that is not below {end}")
