"""The kernel finds in pages what torch's attention finds in plain keys and values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from inference.serving.cuda import attention
from tests.inference.cuda.conftest import DEVICE, HAS_GPU

# Programs that there shall be, rows, query heads, key heads, size of keys, size of values.
SHAPES = {
    "grouped heads": (24, 2, 9, 3, 64, 64),
    "a head of no power of two": (20, 2, 2, 2, 80, 80),
    "values of another size": (16, 2, 4, 2, 32, 12),
    "no splits": (1, 3, 4, 2, 16, 16),
}
TYPES = [torch.float32, pytest.param(torch.bfloat16, marks=pytest.mark.skipif(not HAS_GPU, reason="needs a GPU"))]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_each_row_sees_its_own_and_earlier_positions_in_its_pages(
    shape: tuple[int, ...], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, rows, heads, key_heads, size, value_size = shape
    monkeypatch.setattr(attention, "PROGRAMS", programs)
    rng = np.random.default_rng(5)
    positions = np.array([0, 270, 63])[:rows]
    longest = 17
    pages = rng.permutation(rows * longest).reshape(rows, longest)

    def states(size: int) -> torch.Tensor:
        numbers = rng.standard_normal((rows * longest, 16, key_heads, size))
        return torch.from_numpy(numbers).to(DEVICE, dtype)

    keys, values = states(size), states(value_size)
    query = torch.from_numpy(rng.standard_normal((rows, heads, size))).to(DEVICE, dtype)
    # What lies behind a row's position is stale, and must not even be multiplied by nothing.
    for row, position in enumerate(positions):
        for at in range(position + 1, longest * 16):
            keys[pages[row, at // 16], at % 16] = torch.nan
            values[pages[row, at // 16], at % 16] = torch.nan
    found = attention.attend(
        query, keys, values, torch.from_numpy(pages).to(DEVICE), torch.from_numpy(positions).to(DEVICE), 0.3
    )

    assert found.shape == (rows, heads, value_size)
    for row, position in enumerate(positions):
        own_keys, own_values = (
            states[torch.from_numpy(pages[row])].flatten(0, 1)[: position + 1].transpose(0, 1).double()
            for states in (keys, values)
        )
        expected = scaled_dot_product_attention(
            query[row][:, None].double(), own_keys, own_values, scale=0.3, enable_gqa=True
        )[:, 0]
        error = (found[row].double() - expected).norm() / expected.norm()
        assert error < (1e-5 if dtype == torch.float32 else 1e-2)
