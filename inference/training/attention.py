"""Causal attention of the last tokens of a turn to all of it, in products of whole heads.

On CPUs torch's flash kernel is slow where turns are short: forward and backward of five turns of 94 tokens, nine heads,
bfloat16, one thread of a Zen 4 take 17.6 ms by it and 6.2 ms by plain products.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.bias import causal_lower_right
from transformers.integrations.sdpa_attention import sdpa_attention_forward

# What is kept for the backward grows with the square of the length; longer ones have torch's kernel, which keeps none.
LONGEST = 512


def attend(module: Any, query: Tensor, key: Tensor, value: Tensor, **options: Any) -> Tensor:
    """What the last n tokens of a turn read, [1, n, heads, width]; `query` is [1, heads, n, width], `key` and `value`
    are [1, groups, tokens, width]."""
    n, tokens = query.shape[2], key.shape[2]
    output: Tensor
    if query.device.type == "cpu" and tokens <= LONGEST and not options["dropout"]:
        output = _Products.apply(query, key, value, options["scaling"])  # type: ignore[no-untyped-call]  # no types in torch
    else:
        mask = None if n == tokens else causal_lower_right(n, tokens)
        output = sdpa_attention_forward(module, query, key, value, mask, is_causal=mask is None, **options)[0]
    return output


class _Products(torch.autograd.Function):
    """Scores and their softmax in float32, everything else in the type of the tensors, as flash kernels have it."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        _, heads, n, width = query.shape
        groups, tokens = key.shape[1:3]
        # Heads of one group read the same keys: they are rows of one product.
        queries = query.reshape(groups, -1, width)
        keys, values = key[0], value[0]
        scores = torch.bmm(queries.float(), keys.float().transpose(1, 2)).mul_(scaling)
        scores.view(groups, -1, n, tokens).add_(torch.full((n, tokens), -torch.inf).triu_(tokens - n + 1))
        shares = scores.softmax(-1).to(value.dtype)
        output = torch.bmm(shares, values)
        ctx.save_for_backward(queries, keys, values, shares, output)
        ctx.scaling, ctx.heads = scaling, heads
        return output.view(1, heads, n, width).transpose(1, 2).contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        queries, keys, values, shares, output = ctx.saved_tensors
        gradient = gradients[0].transpose(1, 2).reshape(queries.shape)
        of_values = torch.bmm(shares.transpose(1, 2), gradient)
        of_shares = torch.bmm(gradient, values.transpose(1, 2)).float()
        # Of the softmax: each share's gradient less the mean of its row, which is that of the row's output.
        means = (gradient.float() * output).sum(-1, keepdim=True)
        of_scores = of_shares.sub_(means).mul_(shares).mul_(ctx.scaling).to(values.dtype)
        of_queries = torch.bmm(of_scores, keys).view(1, ctx.heads, -1, keys.shape[-1])
        of_keys = torch.bmm(of_scores.transpose(1, 2), queries)
        return of_queries, of_keys[None], of_values[None], None
