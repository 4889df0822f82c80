"""What is packed is what GGUF's blocks hold, value by value."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from inference.serving.native import quantising
from inference.serving.native.quantising import Blocks
from tests.inference.native.conftest import quantised


def matrix(rows: int, columns: int, form: str = "") -> np.ndarray:
    torch.manual_seed(rows)
    values = torch.randn(rows, columns) * torch.logspace(-3, 1, rows)[:, None]
    values[0] = 0
    return (quantised(values, form) if form else values).numpy()


def unpacked(blocks: Blocks) -> np.ndarray:
    quants = blocks.quants.astype(np.float32) - (128 if blocks.bits == 8 else 0)
    values = blocks.scales.astype(np.float32)[..., None] * quants + blocks.offsets.astype(np.float32)[..., None]
    return values.reshape(len(values), -1)


@pytest.mark.parametrize(
    ("form", "find"), [("Q4_0", quantising.q4_0), ("Q4_1", quantising.q4_1), ("Q8_0", quantising.q8_0)]
)
def test_the_blocks_of_a_file_are_found_again_in_its_values(form: str, find) -> None:
    values = matrix(40, 96, form)
    blocks = find(values)
    assert blocks is not None
    assert np.array_equal(unpacked(blocks), values)


def test_values_that_were_never_blocks_are_kept_in_8_bits_to_half_a_step() -> None:
    values = matrix(40, 96)
    assert quantising.packed(values)[0] == 8
    step = np.abs(values.reshape(40, 3, 32)).max(-1, keepdims=True) / 127
    error = np.abs(unpacked(quantising.q8_0(values)) - values).reshape(40, 3, 32)
    assert (error <= step * 0.57 + 1e-7).all()  # half a step, and what the scale loses as a float16


def read_in_4_bits(panels: np.ndarray, outputs: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights [outputs, columns] and D [outputs, 1], as quantised.h draws them: panels of 16 outputs, pairs of groups,
    the last ones filled up. What fills up the outputs must be zeros."""
    pairs, rows = (columns // 32 + 1) // 2, (outputs + 15) // 16 * 16
    panel = panels.reshape(rows // 16, 128 + pairs * 576 + 64)
    whole = np.ascontiguousarray(panel[:, -64:]).view(np.float32).reshape(rows, 1)
    pair = panel[:, 128:-64].reshape(-1, pairs, 576)
    nibbles = pair[:, :, :512].reshape(-1, pairs, 2, 4, 16, 4)
    quants = np.stack([nibbles & 15, nibbles >> 4], 3).transpose(0, 5, 1, 2, 3, 4, 6).reshape(rows, pairs * 2, 32)
    counts = pair[:, :, 512:].reshape(-1, pairs, 16, 2, 2).transpose(0, 2, 1, 3, 4).reshape(rows, pairs * 2, 2)
    lines = np.ascontiguousarray(panel[:, :128]).view(np.int16).reshape(-1, 2, 16, 2).transpose(0, 2, 1, 3)
    least, step = lines.reshape(rows, 1, 2, 2).transpose(3, 0, 1, 2).astype(int)
    d, m = ((least + (counts * step + 128) // 256)[..., None]).transpose(2, 0, 1, 3)
    found = (whole[..., None] * (d / 2**15 * (quants.astype(int) - 8) + m / 2**8)).reshape(rows, -1)
    assert not found[outputs:].any()
    return found[:outputs, :columns], whole[:outputs]


@pytest.mark.parametrize("form", ["Q4_0", "Q4_1"])
@pytest.mark.parametrize("columns", [32, 96, 256])
def test_panels_in_4_bits_hold_the_blocks_to_a_small_part_of_a_step(form: str, columns: int) -> None:
    values = matrix(40, columns, form)
    bits, panels = quantising.packed(values)
    found, whole = read_in_4_bits(panels, 40, columns)
    error = found - values
    assert bits == 4
    assert np.linalg.norm(error) <= 0.004 * np.linalg.norm(values)
    assert (np.abs(error) <= whole * 0.05).all()


@pytest.mark.parametrize("ends", [(0, 15), (-15, 0), (-15, 15), (105, 120), (-120, -105)])
def test_no_weight_in_4_bits_is_more_than_the_kernels_sums_have_room_for(ends: tuple[int, int]) -> None:
    """8 D, of blocks of one sign or of both, beside blocks of next to nothing."""
    steps = np.linspace(*ends, 16).astype(np.float32)
    blocks = [np.tile(steps, 2) * np.float32(size) for size in (1, 2**-9, 0.75, 0, -1)]
    values = np.array([np.concatenate(three) for three in itertools.product(blocks, repeat=3)])
    bits, panels = quantising.packed(values)
    found, whole = read_in_4_bits(panels, len(values), 96)
    assert bits == 4
    assert np.abs(found).max() > 0
    assert (np.abs(found) <= whole * 8).all()


@pytest.mark.parametrize("columns", [32, 96, 256])
def test_rough_panels_are_the_nearest_by_what_they_will_be_multiplied_with(columns: int) -> None:
    values = matrix(40, columns)
    squares = np.ones(columns, np.float32)
    squares[::29] = 1000.0  # a few inputs are much larger than others, as in the models that there are
    plain, _ = read_in_4_bits(quantising.rough(values, np.ones_like(squares)), 40, columns)
    weighted, _ = read_in_4_bits(quantising.rough(values, squares), 40, columns)
    size = np.linalg.norm(values * np.sqrt(squares), axis=1)[1:]
    error = {
        name: np.linalg.norm((found - values) * np.sqrt(squares), axis=1)[1:] / size
        for name, found in (("plain", plain), ("weighted", weighted))
    }
    assert np.linalg.norm(plain - values) < 0.1 * np.linalg.norm(values)
    assert np.median(error["weighted"]) < 0.7 * np.median(error["plain"])
    assert not weighted[0].any()


def test_rough_panels_of_weights_that_are_too_large_are_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        quantising.rough(matrix(16, 32) * np.float32(1e9), np.ones(32, np.float32))


@pytest.mark.parametrize("columns", [32, 96, 256])
def test_panels_in_8_bits_hold_the_nearest_blocks(columns: int) -> None:
    """Read as quantised.h draws them."""
    values = matrix(40, columns)
    pairs = (columns // 32 + 1) // 2
    pair = quantising.packed(values)[1].reshape(3, pairs, 64 + 1024)
    d = np.ascontiguousarray(pair[:, :, :64]).view(np.float16).reshape(3, pairs, 2, 16)
    quants = pair[:, :, 64:].reshape(3, pairs, 2, 8, 16, 4).transpose(0, 4, 1, 2, 3, 5).astype(np.float32) - 128
    found = (d.transpose(0, 3, 1, 2).astype(np.float32)[..., None, None] * quants).reshape(48, -1)
    assert np.array_equal(found[:40, :columns], unpacked(quantising.q8_0(values)))
    assert not found[40:].any()
    assert not found[:, columns:].any()


@pytest.mark.parametrize("columns", [32, 96, 576])
def test_single_outputs_hold_the_same_blocks_on_whole_lines(columns: int) -> None:
    """Read as singles.h draws them."""
    values = matrix(40, columns)
    groups, line = columns // 32, 64
    single = quantising.singles(values).reshape(40, -(-columns // line) * line + -(-2 * groups // line) * line)
    quants = single[:, :columns].reshape(40, groups, 32).astype(np.float32) - 128
    behind = single[:, -(-columns // line) * line :]
    d = np.ascontiguousarray(behind[:, : 2 * groups]).view(np.float16).astype(np.float32)
    assert np.array_equal((d[..., None] * quants).reshape(40, -1), unpacked(quantising.q8_0(values)))
    assert not single[:, columns : -(-columns // line) * line].any()
    assert not behind[:, 2 * groups :].any()


def test_one_value_off_the_grid_is_enough_for_8_bits() -> None:
    values = matrix(40, 96, "Q4_1").copy()
    assert quantising.packed(values)[0] == 4
    values[39, 95] *= 1.001
    assert quantising.packed(values)[0] == 8


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e9])
def test_weights_that_no_block_can_hold_are_refused(bad: float) -> None:
    values = matrix(16, 32).copy()
    values[3, 3] = bad
    with pytest.raises(ValueError, match=r"finite|too large"):
        quantising.packed(values)
