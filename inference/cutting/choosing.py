"""Which layers of a model can be spared.

One layer after the other is left out: of those still there the one without which the model's predictions change least,
in KL to the whole model's over real text. Each is tried in the model as it is by then, because two layers that do the
same thing can be spared one by one but not together (SLEB, arXiv:2402.09025, there with perplexity).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from inference.evaluation.fidelity import Passages, Read, divergence


@dataclass(frozen=True, slots=True)
class Removal:
    """A layer by its number in the whole model; `kl` in nats is that of the model without it and all before it."""

    layer: int
    kl: float


class _Spared(torch.nn.Module):
    """Stands where a layer was left out."""

    def forward(self, hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
        return hidden_states


def tries(layers: int, count: int) -> int:
    """How often `choose` calls `tick`."""
    return sum(layers - left_out for left_out in range(count))


@torch.inference_mode()
def choose(
    layers: torch.nn.ModuleList, read: Read, over: Passages, count: int, tick: Callable[[], object]
) -> list[Removal]:
    """The `count` layers to leave out, in the order in which they were chosen. `read` is the network that has `layers`,
    which are all in their place again afterwards. `tick` is called after each try."""
    whole = list(layers)
    expected = list(over.predictions(read))
    removals: list[Removal] = []
    try:
        for _ in range(count):
            costs: dict[int, float] = {}
            for number, layer in enumerate(whole):
                if layers[number] is not layer:
                    continue
                layers[number] = _Spared()
                pairs = zip(expected, over.predictions(read), strict=True)
                costs[number] = sum(float(divergence(*pair).sum()) for pair in pairs) / over.positions
                layers[number] = layer
                tick()
            cheapest = min(costs, key=costs.__getitem__)
            layers[cheapest] = _Spared()
            removals.append(Removal(cheapest, costs[cheapest]))
    finally:
        for number, layer in enumerate(whole):
            layers[number] = layer
    return removals
