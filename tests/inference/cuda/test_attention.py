"""The kernels find in pages what torch's attention finds in plain keys and values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from inference.serving.cuda import attention
from tests.inference.cuda.conftest import DEVICE, HAS_GPU

# Programs that there shall be, tokens in a block, query heads, key heads, size of keys, size of values.
SHAPES = {
    "grouped heads": (24, 1, 9, 3, 64, 64),
    "a head of no power of two": (20, 1, 2, 2, 80, 80),
    "values of another size": (16, 1, 4, 2, 32, 12),
    "no splits": (1, 1, 4, 2, 16, 16),
    "several tokens in a block": (16, 4, 6, 2, 16, 16),
    "several tokens, no splits": (1, 16, 2, 2, 16, 16),
}
TYPES = [torch.float32, pytest.param(torch.bfloat16, marks=pytest.mark.skipif(not HAS_GPU, reason="needs a GPU"))]
LAST = [15, 270, 63]  # the last position of each slot's block
LONGEST = 17


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_each_token_sees_its_own_and_earlier_positions_in_its_slots_pages(
    shape: tuple[int, ...], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, tokens, heads, key_heads, size, value_size = shape
    monkeypatch.setattr(attention, "PROGRAMS", programs)
    rng = np.random.default_rng(5)
    slots = rng.permutation(len(LAST))
    tables = torch.from_numpy(rng.permutation(len(LAST) * LONGEST).reshape(len(LAST), LONGEST)).to(DEVICE)
    positions = np.concatenate([np.arange(LAST[slot] - tokens + 1, LAST[slot] + 1) for slot in slots])

    def states(size: int) -> torch.Tensor:
        numbers = torch.from_numpy(rng.standard_normal((len(LAST) * LONGEST, 16, key_heads, size))).to(DEVICE, dtype)
        # What lies behind a slot's last position is stale, and must not even be multiplied by nothing.
        for slot, last in enumerate(LAST):
            own = numbers[tables[slot]]
            own.flatten(0, 1)[last + 1 :] = torch.nan
            numbers[tables[slot]] = own
        return numbers

    keys, values = states(size), states(value_size)
    query = torch.from_numpy(rng.standard_normal((len(positions), heads, size))).to(DEVICE, dtype)
    of_tokens = torch.from_numpy(np.repeat(slots, tokens)).to(DEVICE)
    at = torch.from_numpy(positions).to(DEVICE)
    found = attention.attend(query, keys, values, tables, of_tokens, at, tokens, 0.3)

    assert found.shape == (len(positions), heads, value_size)
    for token, position in enumerate(positions):
        own_keys, own_values = (
            states[tables[of_tokens[token]]].flatten(0, 1)[: position + 1].transpose(0, 1).double()
            for states in (keys, values)
        )
        expected = scaled_dot_product_attention(
            query[token][:, None].double(), own_keys, own_values, scale=0.3, enable_gqa=True
        )[:, 0]
        error = (found[token].double() - expected).norm() / expected.norm()
        assert error < (1e-5 if dtype == torch.float32 else 1e-2)
