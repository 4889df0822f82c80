"""Turns float32 matrices into the kernel's panels (quantised.h has their picture). Knows nothing of files.

The rule: a matrix all of whose blocks of 32 have the values of Q4_1 or Q4_0 blocks is kept in 4 bits, which loses
nothing; any other in 8 bits as Q8_0 makes them (scale = largest / 127 in float16, nearest integers), which loses
nothing where it was Q8_0 before. So a model that was made from a GGUF file is computed from that file's own blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.serving.native.network import GROUP, LANES

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
ROWS = 4096  # of a matrix that are worked on at a time: several copies of them are in memory
WORDS = 4  # inputs beside each other in a panel
ALIGNMENT = 64


@dataclass(frozen=True)
class Blocks:
    """weight = scale * quant + offset, by rows and groups. In 8 bits quants are 128 more, and there is no offset."""

    bits: int
    quants: Bytes  # [rows, groups, 32]
    scales: NDArray[np.float16]  # [rows, groups]
    offsets: NDArray[np.float16]


def packed(matrix: Floats) -> tuple[int, Bytes]:
    """The bits of `matrix` [outputs, inputs], and its panels. Raises ValueError for what is no finite number."""
    if not np.isfinite(matrix).all():
        raise ValueError("it holds what is no finite number")
    parts = [matrix[first : first + ROWS] for first in range(0, len(matrix), ROWS)]
    for exact in (q4_1, q4_0):
        panels = []
        for part in parts:
            blocks = exact(part)
            if blocks is None:
                break
            panels.append(_panels(blocks))
        else:
            return 4, np.concatenate(panels)
    return 8, np.concatenate([_panels(q8_0(part)) for part in parts])


def q4_1(matrix: Floats) -> Blocks | None:
    """The Q4_1 blocks that `matrix` was made of, if it was. The least quant of a block is 0 and the largest 15."""
    values = _blocks(matrix)
    offsets = values.min(-1).astype(np.float16)
    with np.errstate(over="ignore"):
        scales = ((values.max(-1) - values.min(-1)) / 15).astype(np.float16)
    return _exact(values, scales, offsets)


def q4_0(matrix: Floats) -> Blocks | None:
    """The Q4_0 blocks that `matrix` was made of, if it was. The largest value of a block, signed, is -8 scales."""
    values = _blocks(matrix)
    largest = np.take_along_axis(values, np.abs(values).argmax(-1)[..., None], -1)[..., 0]
    with np.errstate(over="ignore"):
        scales = (largest / -8).astype(np.float16)
        offsets = (scales.astype(np.float32) * -8).astype(np.float16)
    return _exact(values, scales, offsets)


def q8_0(matrix: Floats) -> Blocks:
    """The nearest Q8_0 blocks. Raises ValueError where a scale is beyond float16."""
    values = _blocks(matrix)
    with np.errstate(over="ignore"):
        scales = (np.abs(values).max(-1) / 127).astype(np.float16)
    if not np.isfinite(scales).all():
        raise ValueError("it holds weights that are too large")
    quants = np.rint(_divided(values, scales)).clip(-127, 127) + 128
    return Blocks(8, quants.astype(np.uint8), scales, np.zeros_like(scales))


def _exact(values: Floats, scales: NDArray[np.float16], offsets: NDArray[np.float16]) -> Blocks | None:
    if not (np.isfinite(scales).all() and np.isfinite(offsets).all()):
        return None
    wide_offsets = offsets.astype(np.float32)[..., None]
    quants = np.rint(_divided(values - wide_offsets, scales)).clip(0, 15)
    if not np.array_equal(scales.astype(np.float32)[..., None] * quants + wide_offsets, values):
        return None
    return Blocks(4, quants.astype(np.uint8), scales, offsets)


def _blocks(matrix: Floats) -> Floats:
    return matrix.reshape(len(matrix), -1, GROUP)


def _divided(values: Floats, scales: NDArray[np.float16]) -> Floats:
    wide = scales.astype(np.float32)[..., None]
    return np.divide(values, wide, out=np.zeros_like(values), where=wide != 0)


def _panels(blocks: Blocks) -> Bytes:
    rows, groups, _ = blocks.quants.shape
    missing = -rows % LANES
    # A row that fills up the last panel is zero.
    quants = np.pad(blocks.quants, ((0, missing), (0, 0), (0, 0)), constant_values=0 if blocks.bits == 4 else 128)
    # [panel, output, group] -> [panel, group, output]
    scales, offsets = (
        np.pad(side, ((0, missing), (0, 0))).reshape(-1, LANES, groups).transpose(0, 2, 1)
        for side in (blocks.scales, blocks.offsets)
    )
    line = np.concatenate([scales, offsets], 2) if blocks.bits == 4 else scales.astype(np.float32)
    # [panel, output, group, word, input of the word] -> [panel, group, word, output, input of the word]
    words = quants.reshape(-1, LANES, groups, GROUP // WORDS, WORDS).transpose(0, 2, 3, 1, 4)
    if blocks.bits == 4:
        words = words[:, :, :4] | (words[:, :, 4:] << 4)
    parts = [np.ascontiguousarray(line).view(np.uint8), words.reshape(*words.shape[:2], -1)]
    return np.concatenate(parts, 2).reshape(-1)
