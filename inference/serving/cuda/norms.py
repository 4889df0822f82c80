"""Norms in one kernel instead of seven: as few kernels as possible matter most where a step reads few tokens."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch.nn.functional import rms_norm


def fuse_norms(network: Any) -> None:
    """Let torch's own RMS norm (arXiv:1910.07467) compute each norm of `network` that says what it says."""
    for module in network.modules():
        epsilon = getattr(module, "variance_epsilon", None)
        if epsilon is not None and isinstance(getattr(module, "weight", None), torch.Tensor):
            fused = partial(rms_norm, normalized_shape=module.weight.shape, weight=module.weight, eps=epsilon)
            sample = torch.randn_like(module.weight.expand(4, -1))
            with torch.inference_mode():
                if torch.allclose(fused(sample), module(sample), rtol=0.02, atol=1e-3):
                    module.forward = fused
