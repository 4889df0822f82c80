"""What is packed is what GGUF's blocks hold, value by value."""

from __future__ import annotations

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
