"""Turns float32 matrices into the kernel's panels (quantised.h has their picture). Knows nothing of files.

The rule: a matrix all of whose blocks of 32 have the values of Q4_1 or Q4_0 blocks is kept in 4 bits, its quants as
they are; any other in 8 bits as Q8_0 makes them (scale = largest / 127 in float16, nearest integers), which loses
nothing where it was Q8_0 before. So a model that was made from a GGUF file is computed from that file's own blocks. In
4 bits their scales and offsets become one of 256 values each, in equal steps from a row's least to its largest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inference.serving.native.network import GROUP, LANES

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
ROWS = 4096  # of a matrix that are worked on at a time: several copies of them are in memory
WORDS = 4  # inputs beside each other in a panel
ALIGNMENT = 64
SPANS = (0.85, 0.925, 1.0)  # of what lies between a block's least value and its largest: what its quants begin with
PARTS = range(255, 239, -1)  # of what lies between a row's least and largest scale: so many steps are tried


@dataclass(frozen=True)
class Blocks:
    """weight = scale * quant + offset, by rows and groups. In 8 bits quants are 128 more, and there is no offset."""

    bits: int
    quants: Bytes  # [rows, groups, 32]
    scales: NDArray[np.float16]  # [rows, groups]
    offsets: NDArray[np.float16]


class Steps(NamedTuple):
    """Whole numbers [rows, groups]: least + count * step / 2^8, rounded."""

    least: NDArray[np.int16]  # [rows, 1]
    step: NDArray[np.int16]
    counts: Bytes


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


def singles(matrix: Floats) -> Bytes:
    """Single outputs in 8 bits (singles.h) of `matrix` [outputs, inputs]. Raises ValueError where a scale is beyond
    float16."""
    blocks = q8_0(matrix)
    parts = [_bytes(blocks.quants, 1), _bytes(blocks.scales, 1)]
    return np.concatenate([np.pad(part, ((0, 0), (0, -part.shape[1] % ALIGNMENT))) for part in parts], 1).reshape(-1)


def rough(matrix: Floats, squares: Floats) -> Bytes:
    """Panels in 4 bits of what multiplies most nearly as `matrix` [outputs, inputs] does, where what is multiplied has
    these mean `squares` [inputs]. Raises ValueError where a scale is beyond float16."""
    weights = squares.reshape(-1, GROUP)
    panels = []
    for first in range(0, len(matrix), ROWS):
        values = _blocks(matrix[first : first + ROWS])
        with np.errstate(over="ignore"):
            scales, offsets = (fitted.astype(np.float16) for fitted in _fitted(values, weights))
        if not (np.isfinite(scales).all() and np.isfinite(offsets).all()):
            raise ValueError("it holds weights that are too large")
        panels.append(_panels(_nearest(values, scales, offsets)))
    return np.concatenate(panels)


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
    quants = np.rint(_ratio(values, scales.astype(np.float32)[..., None])).clip(-127, 127) + 128
    return Blocks(8, quants.astype(np.uint8), scales, np.zeros_like(scales))


def _fitted(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Scales and offsets [rows, groups] of blocks in 4 bits with a small squared error, weighted by `weights` [groups,
    32]: from several beginnings each is fitted to the quants that it makes, twice, and the best one is taken."""
    least, largest = values.min(-1), values.max(-1)
    of_all, of_values = weights.sum(-1), (values * weights).sum(-1)
    best_scales, best_offsets = np.zeros_like(least), least
    fewest = np.full_like(least, np.inf)
    for part in SPANS:
        scales = (largest - least) * np.float32(part / 15)
        offsets = (least + largest) / 2 - np.float32(7.5) * scales
        for _ in range(2):
            quants = _quants(values, scales, offsets)
            weighted = quants * weights
            of_quants = weighted.sum(-1)
            of_squares = np.einsum("rgi,rgi->rg", weighted, quants)
            of_both = np.einsum("rgi,rgi->rg", weighted, values)
            spread = of_all * of_squares - of_quants**2
            fitted = _ratio(of_all * of_both - of_quants * of_values, spread)
            scales = np.where(fitted > 0, fitted, scales)
            offsets = (of_values - scales * of_quants) / of_all
        error = _quants(values, scales, offsets) * scales[..., None] + offsets[..., None] - values
        error = np.einsum("rgi,rgi,gi->rg", error, error, weights)
        is_better = error < fewest
        best_scales, best_offsets = np.where(is_better, scales, best_scales), np.where(is_better, offsets, best_offsets)
        fewest = np.minimum(error, fewest)
    return best_scales, best_offsets


def _quants(values: Floats, scales: Floats, offsets: Floats) -> Floats:
    """Those of 4 bits that come nearest to `values` [rows, groups, 32]."""
    return np.rint(_ratio(values - offsets[..., None], scales[..., None])).clip(0, 15)


def _ratio(values: Floats, by: Floats) -> Floats:
    """Zero where `by` is."""
    by = np.broadcast_to(by, values.shape)
    return np.divide(values, by, out=np.zeros_like(values), where=by != 0)


def _nearest(values: Floats, scales: NDArray[np.float16], offsets: NDArray[np.float16]) -> Blocks:
    quants = _quants(values, scales.astype(np.float32), offsets.astype(np.float32))
    return Blocks(4, quants.astype(np.uint8), scales, offsets)


def _exact(values: Floats, scales: NDArray[np.float16], offsets: NDArray[np.float16]) -> Blocks | None:
    if not (np.isfinite(scales).all() and np.isfinite(offsets).all()):
        return None
    blocks = _nearest(values, scales, offsets)
    wide_scales, wide_offsets = (each.astype(np.float32)[..., None] for each in (scales, offsets))
    return blocks if np.array_equal(wide_scales * blocks.quants + wide_offsets, values) else None


def _blocks(matrix: Floats) -> Floats:
    return matrix.reshape(len(matrix), -1, GROUP)


def _panels(blocks: Blocks) -> Bytes:
    rows, groups, _ = blocks.quants.shape
    # What fills up the last panel, and the last pair of groups, is zero.
    missing, alone, pairs = -rows % LANES, groups % 2, (groups + 1) // 2
    zero = 0 if blocks.bits == 4 else 128
    quants = blocks.quants
    if blocks.bits == 4:
        quants, whole, d, m = _of_whole(blocks)
    quants = np.pad(quants, ((0, missing), (0, alone), (0, 0)), constant_values=zero)
    # [panel, output, group, word, input of the word] -> [panel, group, word, output, input of the word]
    words = quants.reshape(-1, LANES, groups + alone, GROUP // WORDS, WORDS).transpose(0, 2, 3, 1, 4)
    if blocks.bits == 8:
        scales = np.pad(blocks.scales, ((0, missing), (0, alone))).reshape(-1, LANES, pairs, 2)
        # [panel, output, pair, group of the pair] -> [panel, pair, group of the pair, output]
        line = _bytes(scales.transpose(0, 2, 3, 1), 2)
        return np.concatenate([line, _bytes(words, 1).reshape(len(words), pairs, -1)], 2).reshape(-1)
    first = np.concatenate([_steps_line(d, missing), _steps_line(m, missing)], 1)
    both = np.stack([d.counts, m.counts], -1)
    # [panel, output, pair, group of the pair, d and m] -> [panel, pair, output, group of the pair, d and m]
    line = np.pad(both, ((0, missing), (0, alone), (0, 0))).reshape(-1, LANES, pairs, 2, 2).transpose(0, 2, 1, 3, 4)
    nibbles = (words[:, :, :4] | (words[:, :, 4:] << np.uint8(4))).reshape(len(words), pairs, -1)
    panels = np.concatenate([nibbles, _bytes(line, 2)], 2)
    last = np.pad(whole, (0, missing)).reshape(-1, LANES)
    return np.concatenate([first, _bytes(panels, 1), _bytes(last, 1)], 1).reshape(-1)


def _steps_line(steps: Steps, missing: int) -> Bytes:
    """[panel, 64]: least and step of each output."""
    both = np.pad(np.concatenate([steps.least, steps.step], 1), ((0, missing), (0, 0)))
    return _bytes(both.reshape(-1, LANES, 2), 1)


def _of_whole(blocks: Blocks) -> tuple[Bytes, Floats, Steps, Steps]:
    """Blocks of 4 bits as the kernel multiplies them: quants, D [rows], and d and m as integers, of which 2^15 and 2^8
    are D: weight = D * (d / 2^15 * (quant - 8) + m / 2^8). m makes up for what rounding d did to a block's sum."""
    scales, offsets = blocks.scales.astype(np.float32), blocks.offsets.astype(np.float32)
    # Counted from the other end scales are above zero.
    offsets = np.where(scales < 0, offsets + 15 * scales, offsets)
    quants = np.where(scales[..., None] < 0, 15 - blocks.quants, blocks.quants)
    scales = np.abs(scales)
    # No weight may be above 8 D, or the kernel's sums in 31 bits could overflow; rounding adds less than a hundredth.
    largest = np.maximum(np.abs(offsets), np.abs(offsets + 15 * scales)) / 8
    whole = np.maximum(scales, largest).max(-1) * np.float32(1.01)
    inverse = np.divide(1, whole, out=np.zeros_like(whole), where=whole != 0)[:, None]
    d = _in_steps(scales * inverse * 2**15)
    middle = quants.mean(-1, dtype=np.float32)
    means = (scales * middle + offsets) * inverse
    return quants, whole, d, _in_steps((means - _values(d) / 2**15 * (middle - 8)) * 2**8)


def _in_steps(values: Floats) -> Steps:
    """What is nearest to `values` [rows, groups]: of several lengths of a row's step the one whose squared error is the
    least, which with 18 groups is a third below that of the shortest one."""
    least = np.floor(values.min(-1, keepdims=True))
    span = values.max(-1, keepdims=True) - least
    step, fewest = np.zeros_like(least), np.full_like(least, np.inf)
    for parts in PARTS:
        tried = np.ceil(span * 2**8 / parts).clip(1, 2**15 - 1)
        error = np.square(_values(_counted(values, least, tried)) - values).sum(-1, keepdims=True)
        step, fewest = np.where(error < fewest, tried, step), np.minimum(error, fewest)
    return _counted(values, least, step)


def _counted(values: Floats, least: Floats, step: Floats) -> Steps:
    counts = np.rint((values - least) * 2**8 / step).clip(0, 255)
    return Steps(least.astype(np.int16), step.astype(np.int16), counts.astype(np.uint8))


def _values(steps: Steps) -> Floats:
    # Exact: no product reaches 2^24.
    counted = steps.counts.astype(np.float32) * steps.step.astype(np.float32)
    return steps.least.astype(np.float32) + np.floor((counted + 2**7) / 2**8)


def _bytes(array: NDArray[np.generic], axes: int) -> Bytes:
    """The memory of all but the first `axes` axes."""
    return np.ascontiguousarray(array).view(np.uint8).reshape(*array.shape[:axes], -1)
