"""The losses, as pure functions of log-probabilities. All are in nats; a row's weight is not their business.

`policy` is what the model with its adapter gives an answer, `reference` what the base model gives it; both are sums
over the answer's tokens.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

TOGETHER = 64


def token_log_probabilities(logits: Tensor, targets: Tensor) -> Tensor:
    """Of each target, [tokens], float32; `logits` [tokens, vocabulary] predict `targets` [tokens]."""
    chosen: Tensor = _Chosen.apply(logits, targets)  # type: ignore[no-untyped-call]  # no types in torch
    return chosen


class _Chosen(torch.autograd.Function):
    """A few tokens at a time: as float32 the logits of all would be the largest tensors of a training."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        totals = torch.cat([part.float().logsumexp(-1) for part in torch.split(logits, TOGETHER)])
        ctx.save_for_backward(logits, targets, totals)
        return logits.gather(1, targets[:, None])[:, 0].float() - totals

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        logits, targets, totals = ctx.saved_tensors
        found = torch.empty_like(logits)
        parts = (
            each.split(TOGETHER) for each in (found, logits, targets[:, None], totals[:, None], gradients[0][:, None])
        )
        for into, part, target, total, gradient in zip(*parts, strict=True):
            chances = (part.float() - total).exp_().mul_(-gradient)
            into.copy_(chances.scatter_add_(1, target, gradient))
        return found, None


def supervised(policy: Tensor) -> Tensor:
    """The mean negative log-likelihood of one answer's tokens, []; `policy` [tokens] is per token here."""
    return -policy.mean()


def preference(chosen: Tensor, rejected: Tensor, beta: float, label_flip: float) -> Tensor:
    """DPO (arXiv:2305.18290 eq. 7) where a pair is the wrong way round with probability `label_flip`
    (robust DPO, arXiv:2403.00409 eq. 12), [pairs]; `chosen` and `rejected` [pairs] are policy - reference.
    """
    margin = beta * (chosen - rejected)
    clean, flipped = -functional.logsigmoid(margin), -functional.logsigmoid(-margin)
    return ((1 - label_flip) * clean - label_flip * flipped) / (1 - 2 * label_flip)


def unpaired(log_ratio: Tensor, is_good: Tensor, beta: float) -> Tensor:
    """APO-zero for single answers, [rows]: a good one shall be likelier than under the base model, a bad one less so
    (arXiv:2408.06266 eq. 7, split as TRL's apo_zero_unpaired); `log_ratio` [rows] is policy - reference.
    """
    likelier = torch.sigmoid(beta * log_ratio)
    return torch.where(is_good, 1 - likelier, likelier)
