"""LoRA pairs of many adapters in stacks of a fixed place and shape, so that a captured step can choose among them.

While prompts are read adapters run one after the other (serving/lora.py): these products are large. A step of single
tokens instead has a program for each token that reads its own adapter from the stacks (gathered matrix-vector products;
Chen et al. 2023, "Punica").
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from inference.serving.adapters import MAX_LOADED, AdapterFiles
from inference.serving.lora import LoraLayers, LoraLinear, Pair

# Of a stack, until an adapter needs more: then it doubles.
FIRST_RANK = 16
# Numbers of A that a program takes at once, and outputs that it writes.
TILE = 8192
OUTPUTS = 128


@dataclass(slots=True)
class Places:
    """Room for adapters, shared by all layers, and whose turn it is: `adapters` [tokens] on the device while a step of
    single tokens is captured, else None."""

    indices: int = MAX_LOADED
    rank: int = FIRST_RANK
    adapters: Tensor | None = None


class GatheredLinear(LoraLinear):
    """`a` [indices, rank, inputs] and `b` [indices, outputs, rank] hold the pairs once more, B times its scale."""

    def __init__(self, base_layer: torch.nn.Linear, tokens: dict[int, Tensor | None], places: Places) -> None:
        super().__init__(base_layer, tokens)
        self._places = places
        self.stack()

    def stack(self) -> None:
        """Take the room that there is now."""
        like, places = self.base_layer.weight, self._places
        self.a = like.new_zeros((places.indices, places.rank, self.base_layer.in_features))
        self.b = like.new_zeros((places.indices, self.base_layer.out_features, places.rank))
        for index, pair in self.pairs.items():
            self._write(index, pair)

    def put(self, index: int, pair: Pair) -> None:
        super().put(index, pair)
        self._write(index, pair)

    def drop(self, index: int) -> None:
        if index in self.pairs:
            super().drop(index)
            self.b[index] = 0.0

    def forward(self, inputs: Tensor) -> Tensor:
        if self._places.adapters is None:
            return super().forward(inputs)
        outputs: Tensor = self.base_layer(inputs)
        add_gathered(outputs[0], inputs[0], self.a, self.b, self._places.adapters)
        return outputs

    def _write(self, index: int, pair: Pair) -> None:
        rank = len(pair.a)
        self.a[index, :rank] = pair.a
        self.b[index, :, :rank] = pair.b * pair.scale


class GatheredLayers(LoraLayers):
    """`changes` counts what makes captured steps void: more layers, or stacks in another place."""

    def __init__(self, network: Any) -> None:
        super().__init__(network)
        self.places = Places()
        self.changes = 0

    @torch.inference_mode()
    def put_adapter(self, index: int, files: AdapterFiles) -> Iterator[None]:
        indices, rank = triton.next_power_of_2(index + 1), triton.next_power_of_2(files.rank)
        try:
            self._make_room(max(indices, self.places.indices), max(rank, self.places.rank))
        except torch.OutOfMemoryError as error:
            raise ValueError(f"There is no memory for it on the GPU: {error}") from error
        yield from super().put_adapter(index, files)

    @contextmanager
    def gathering(self, adapters: Tensor | None) -> Iterator[None]:
        """Within, `adapters` [tokens] says which token has which adapter; None: there are none."""
        self._tokens.clear()
        self.places.adapters = adapters
        try:
            yield
        finally:
            self.places.adapters = None

    @torch.inference_mode()
    def drop_adapter(self, index: int) -> None:
        super().drop_adapter(index)

    def _wrapped(self, layer: torch.nn.Linear) -> LoraLinear:
        self.changes += 1
        return GatheredLinear(layer, self._tokens, self.places)

    def _make_room(self, indices: int, rank: int) -> None:
        before = self.places.indices, self.places.rank
        if before == (indices, rank):
            return
        self.changes += 1
        self.places.indices, self.places.rank = indices, rank
        try:
            for _, layer in self._adapted():
                layer.stack()  # all are GatheredLinear
        except torch.OutOfMemoryError:
            self.places.indices, self.places.rank = before
            for _, layer in self._adapted():
                layer.stack()  # all are GatheredLinear
            raise


def add_gathered(outputs: Tensor, inputs: Tensor, a: Tensor, b: Tensor, adapters: Tensor) -> None:
    """Add B·(A·x) of each token's own adapter to its `outputs` [tokens, outputs]; NO_ADAPTER adds nothing.

    `inputs` [tokens, inputs], `a` [indices, rank, inputs], `b` [indices, outputs, rank], `adapters` [tokens]; the rank
    is a power of two. A·x is computed again for each block of outputs, which saves a kernel.
    """
    tokens, width = outputs.shape
    rank = a.shape[1]
    _add_gathered[(tokens, triton.cdiv(width, OUTPUTS))](
        outputs, inputs, a, b, adapters, a.shape[2], width, rank, max(16, TILE // rank), OUTPUTS
    )


@triton.jit
def _add_gathered(
    outputs, inputs, a, b, adapters, width_in, width_out,
    RANK: tl.constexpr, BLOCK: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(0)
    index = tl.load(adapters + token)
    if index >= 0:
        rank = tl.arange(0, RANK)
        low = tl.zeros([RANK], tl.float32)
        for begin in range(0, width_in, BLOCK):
            at = begin + tl.arange(0, BLOCK)
            x = tl.load(inputs + token * width_in + at, mask=at < width_in, other=0.0).to(tl.float32)
            rows = tl.load(
                a + (index * RANK + rank)[:, None] * width_in + at[None, :], mask=(at < width_in)[None, :], other=0.0
            )
            low += tl.sum(rows.to(tl.float32) * x[None, :], 1)
        place = tl.program_id(1) * OUTPUTS + tl.arange(0, OUTPUTS)
        is_there = place < width_out
        rows = tl.load(
            b + (index * width_out + place)[:, None] * RANK + rank[None, :], mask=is_there[:, None], other=0.0
        )
        added = tl.sum(rows.to(tl.float32) * low[None, :], 1)
        before = tl.load(outputs + token * width_out + place, mask=is_there, other=0.0)
        tl.store(outputs + token * width_out + place, before + added, mask=is_there)
