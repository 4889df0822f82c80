"""LoRA pairs of many adapters in stacks of a fixed place and shape, so that a captured step can choose among them.

A program takes a block of tokens of one adapter (steps.py) and reads this adapter alone (gathered products; Chen et al.
2023, "Punica"). A·x needs nothing of W·x, so both run side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from inference.serving.adapters import MAX_LOADED, AdapterFiles
from inference.serving.cuda.steps import Blocks
from inference.serving.lora import LoraLayers, LoraLinear, Pair

# Of a stack, until an adapter needs more: then it doubles.
FIRST_RANK = 16
# Inputs that a program adds up, and numbers of A or B that it takes at once.
PART = 1024
TILE = 8192


@dataclass(slots=True)
class Room:
    """For adapters, shared by all layers, and the blocks that the forward reads which runs now: None where it is
    one of torch_backend.py, or has no adapter."""

    indices: int = MAX_LOADED
    rank: int = FIRST_RANK
    blocks: Blocks | None = None
    side: torch.cuda.Stream | None = None


class GatheredLinear(LoraLinear):
    """`a` [indices, rank, inputs] and `b` [indices, outputs, rank] hold the pairs once more, B times its scale."""

    def __init__(self, base_layer: torch.nn.Linear, tokens: dict[int, Tensor | None], room: Room) -> None:
        super().__init__(base_layer, tokens)
        self._room = room
        self.stack()

    def stack(self) -> None:
        """Take the room that there is now."""
        like, room = self.base_layer.weight, self._room
        self.a = like.new_zeros((room.indices, room.rank, self.base_layer.in_features))
        self.b = like.new_zeros((room.indices, self.base_layer.out_features, room.rank))
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
        blocks, side = self._room.blocks, self._room.side
        if blocks is None:
            return super().forward(inputs)
        if side:
            side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            low = low_rank(inputs[0], self.a, blocks.adapters, blocks.tokens)
        outputs: Tensor = self.base_layer(inputs)
        if side:
            torch.cuda.current_stream().wait_stream(side)
        add_outputs(outputs[0], low, self.b, blocks.adapters, blocks.tokens)
        return outputs

    def _write(self, index: int, pair: Pair) -> None:
        rank = len(pair.a)
        self.a[index, :rank] = pair.a
        self.b[index, :, :rank] = pair.b * pair.scale


class GatheredLayers(LoraLayers):
    """`changes` counts what makes captured steps void: more layers, or stacks in another place."""

    def __init__(self, network: Any) -> None:
        super().__init__(network)
        self.room = Room()
        if network.device.type == "cuda":
            self.room.side = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch says no type of it
        self.changes = 0

    @torch.inference_mode()
    def compile(self, blocks: Iterable[Blocks]) -> None:
        """Compile the kernels for the layers that an adapter may change, before replies would wait for it."""
        like, room = next(self._network.parameters()), self.room
        shapes = sorted(set(self.linears.values()))
        for block in blocks:  # None has an adapter: nothing is computed.
            for inputs, outputs in shapes:
                a, b = like.new_empty((1, room.rank, inputs)), like.new_empty((1, outputs, room.rank))
                x, y = (like.new_empty((len(block.adapters), width)) for width in (inputs, outputs))
                add_outputs(y, low_rank(x, a, block.adapters, block.tokens), b, block.adapters, block.tokens)

    @torch.inference_mode()
    def put_adapter(self, index: int, files: AdapterFiles) -> Iterator[None]:
        indices, rank = triton.next_power_of_2(index + 1), triton.next_power_of_2(files.rank)
        try:
            self._make_room(max(indices, self.room.indices), max(rank, self.room.rank))
        except torch.OutOfMemoryError as error:
            raise ValueError(f"There is no memory for it on the GPU: {error}") from error
        yield from super().put_adapter(index, files)

    @contextmanager
    def of_blocks(self, blocks: Blocks | None) -> Iterator[None]:
        """Within, forwards read `blocks` with their adapters; None: what they read has none."""
        self._tokens.clear()
        self.room.blocks = blocks
        try:
            yield
        finally:
            self.room.blocks = None

    @torch.inference_mode()
    def drop_adapter(self, index: int) -> None:
        super().drop_adapter(index)

    def _wrapped(self, layer: torch.nn.Linear) -> LoraLinear:
        self.changes += 1
        return GatheredLinear(layer, self._tokens, self.room)

    def _make_room(self, indices: int, rank: int) -> None:
        before = self.room.indices, self.room.rank
        if before == (indices, rank):
            return
        self.changes += 1
        try:
            self._stack(indices, rank)
        except torch.OutOfMemoryError:
            self._stack(*before)
            raise

    def _stack(self, indices: int, rank: int) -> None:
        self.room.indices, self.room.rank = indices, rank
        for layer in self._network.modules():
            if isinstance(layer, GatheredLinear):
                layer.stack()


def low_rank(inputs: Tensor, a: Tensor, adapters: Tensor, tokens: int) -> Tensor:
    """A·x of each of `inputs` [n, inputs] by its own adapter; n are blocks of `tokens` of one adapter each.

    `a` is [indices, rank, inputs], `adapters` [n]. Returns [parts, n, rank] in float32, to be added up over the parts;
    nothing is written where there is NO_ADAPTER. The rank is a power of two.
    """
    n, width = inputs.shape
    rank = a.shape[1]
    parts = triton.cdiv(width, PART)
    low = inputs.new_empty((parts, n, rank), dtype=torch.float32)
    _low_rank[(n // tokens, parts)](inputs, a, adapters, low, n, width, tokens, rank, PART, max(16, TILE // rank))
    return low


def add_outputs(outputs: Tensor, low: Tensor, b: Tensor, adapters: Tensor, tokens: int) -> None:
    """Add B times what `low_rank` returned to `outputs` [n, outputs]; `b` is [indices, outputs, rank]."""
    parts, n, rank = low.shape
    width = outputs.shape[1]
    at_once = max(16, TILE // rank)
    _add_outputs[(n // tokens, triton.cdiv(width, at_once))](
        outputs, low, b, adapters, n, width, tokens, rank, parts, at_once
    )


@triton.jit(do_not_specialize=["n"])
def _low_rank(  # type: ignore[no-untyped-def]  # Triton reads what annotations say
    inputs, a, adapters, low, n, width,
    TOKENS: tl.constexpr, RANK: tl.constexpr, PART: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    first = tl.program_id(0) * TOKENS
    part = tl.program_id(1)
    adapter = tl.load(adapters + first)
    if adapter >= 0:
        row = tl.arange(0, 16)
        rank = tl.arange(0, RANK)
        total = tl.zeros([16, RANK], tl.float32)
        for begin in range(0, PART, BLOCK):
            at = part * PART + begin + tl.arange(0, BLOCK)
            is_there = at < width
            x = tl.load(
                inputs + (first + row)[:, None] * width + at[None, :],
                mask=(row < TOKENS)[:, None] & is_there[None, :], other=0.0,
            )  # fmt: skip
            own = tl.load(a + (adapter * RANK + rank)[None, :] * width + at[:, None], mask=is_there[:, None], other=0.0)
            total += tl.dot(x, own, input_precision="ieee")
        tl.store(low + (part * n + first + row)[:, None] * RANK + rank[None, :], total, mask=(row < TOKENS)[:, None])


@triton.jit(do_not_specialize=["n"])
def _add_outputs(  # type: ignore[no-untyped-def]  # Triton reads what annotations say
    outputs, low, b, adapters, n, width,
    TOKENS: tl.constexpr, RANK: tl.constexpr, PARTS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    first = tl.program_id(0) * TOKENS
    adapter = tl.load(adapters + first)
    if adapter >= 0:
        row = tl.arange(0, 16)
        rank = tl.arange(0, RANK)
        x = tl.zeros([16, RANK], tl.float32)
        for part in range(PARTS):
            x += tl.load(
                low + (part * n + first + row)[:, None] * RANK + rank[None, :], mask=(row < TOKENS)[:, None], other=0.0
            )
        at = tl.program_id(1) * OUTPUTS + tl.arange(0, OUTPUTS)
        is_there = at < width
        own = tl.load(b + (adapter * width + at)[None, :] * RANK + rank[:, None], mask=is_there[None, :], other=0.0)
        place = outputs + (first + row)[:, None] * width + at[None, :]
        is_own = (row < TOKENS)[:, None] & is_there[None, :]
        added = tl.dot(x.to(own.dtype), own, input_precision="ieee")
        tl.store(place, tl.load(place, mask=is_own, other=0.0) + added, mask=is_own)
