"""Each token of a step gets what its own adapter adds, whatever the others have."""

from __future__ import annotations

import pytest
import torch

from inference.serving.cuda.lora import add_gathered
from tests.inference.cuda.conftest import DEVICE


@pytest.mark.parametrize(("rank", "inputs", "outputs"), [(1, 48, 96), (16, 1000, 72), (256, 200, 300)])
def test_a_token_gets_its_own_adapter_or_none(rank: int, inputs: int, outputs: int) -> None:
    torch.manual_seed(rank)
    a = torch.randn(3, rank, inputs, device=DEVICE)
    b = torch.randn(3, outputs, rank, device=DEVICE)
    x = torch.randn(4, inputs, device=DEVICE)
    before = torch.randn(4, outputs, device=DEVICE)
    adapters = [2, -1, 0, 2]
    after = before.clone()
    add_gathered(after, x, a, b, torch.tensor(adapters, device=DEVICE))

    for token, adapter in enumerate(adapters):
        expected = before[token].double()
        if adapter >= 0:
            expected = expected + b[adapter].double() @ (a[adapter].double() @ x[token].double())
        assert torch.allclose(after[token].double(), expected, rtol=1e-4, atol=1e-3)
    assert torch.equal(after[1], before[1])
