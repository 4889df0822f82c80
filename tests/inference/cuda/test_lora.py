"""Each token of a step gets what its own adapter adds, whatever the others have."""

from __future__ import annotations

import pytest
import torch

from inference.serving.cuda.lora import add_outputs, low_rank
from tests.inference.cuda.conftest import DEVICE


@pytest.mark.parametrize("tokens", [1, 16])
@pytest.mark.parametrize(("rank", "inputs", "outputs"), [(16, 48, 96), (16, 1100, 72), (256, 200, 300)])
def test_a_block_gets_its_own_adapter_or_none(rank: int, inputs: int, outputs: int, tokens: int) -> None:
    torch.manual_seed(rank)
    a = torch.randn(3, rank, inputs, device=DEVICE)
    b = torch.randn(3, outputs, rank, device=DEVICE)
    adapters = torch.tensor([2, -1, 0, 2], device=DEVICE).repeat_interleave(tokens)
    x = torch.randn(len(adapters), inputs, device=DEVICE)
    before = torch.randn(len(adapters), outputs, device=DEVICE)
    after = before.clone()
    add_outputs(after, low_rank(x, a, adapters, tokens), b, adapters, tokens)

    for token, adapter in enumerate(adapters.tolist()):
        expected = before[token].double()
        if adapter >= 0:
            expected = expected + b[adapter].double() @ (a[adapter].double() @ x[token].double())
        error = (after[token].double() - expected).norm() / expected.norm()
        assert error < 1e-5
    assert torch.equal(after[adapters < 0], before[adapters < 0])
