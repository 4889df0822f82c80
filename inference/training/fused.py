"""A linear layer with its adapter as one step of the graph, in the type of the network.

peft casts what a layer reads to float32, keeps that for the backward, and adds up in float32; here the adapter's
products have the network's type and are added into the layer's own, so that nothing is copied. The weights that are
trained, and their gradients, stay in float32.
"""

from __future__ import annotations

from typing import Any

import torch
from peft import LoraConfig
from peft.tuners import lora
from torch import Tensor, nn
from torch.nn import functional


class FusedLinear(lora.Linear):
    """peft's layer; what is not plain LoRA is left to peft."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        is_plain = type(self.base_layer) is nn.Linear and not (
            args or kwargs or self.merged or self.disable_adapters or self.lora_variant
        )
        (name,) = self.active_adapters
        output: Tensor
        if is_plain and isinstance(self.lora_dropout[name], nn.Identity):
            base, inner, outer = self.base_layer, self.lora_A[name].weight, self.lora_B[name].weight
            scaling = self.scaling[name]
            output = _Fused.apply(x, base.weight, base.bias, inner, outer, scaling)  # type: ignore[no-untyped-call]  # no types in torch
        else:
            output = super().forward(x, *args, **kwargs)
        return output


def use_fused_layers(config: LoraConfig) -> None:
    """Let peft put these in wherever `config` adapts a linear layer."""
    config._register_custom_module({nn.Linear: FusedLinear})


class _Fused(torch.autograd.Function):
    """y = x Wᵀ + b + s (x Aᵀ) Bᵀ; `x` is [..., inputs], W frozen, A [rank, inputs] and B [outputs, rank] trained."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, inner: Tensor, outer: Tensor, scaling: float
    ) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        a, b = inner.to(x.dtype), outer.to(x.dtype)
        between = rows @ a.t()
        output = functional.linear(rows, weight, bias).addmm_(between, b.t(), alpha=scaling)
        ctx.save_for_backward(rows, weight, a, b, between)
        ctx.scaling, ctx.dtype = scaling, inner.dtype
        return output.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, a, b, between = ctx.saved_tensors
        gradient = gradients[0].reshape(-1, gradients[0].shape[-1])
        of_between = (gradient @ b).mul_(ctx.scaling)
        of_a = (of_between.t() @ rows).to(ctx.dtype)
        of_b = (gradient.t() @ between).to(ctx.dtype).mul_(ctx.scaling)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (gradient @ weight).addmm_(of_between, a).view(*gradients[0].shape[:-1], -1)
        return of_x, None, None, of_a, of_b, None
