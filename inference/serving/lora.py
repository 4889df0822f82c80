"""LoRA pairs beside the linear layers of a torch network, so that tokens with different adapters share a forward.

Knows nothing of files and checks (adapters.py). y = W·x + s·B·(A·x) with s = alpha / r, or alpha / sqrt(r) for
rank-stabilised LoRA (arXiv:2106.09685 §4.1, arXiv:2312.03732).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn.functional import linear

from inference.serving.adapters import AdapterFiles
from inference.serving.backend import NO_ADAPTER


@dataclass(frozen=True, slots=True)
class Pair:
    """`a` [rank, inputs], `b` [outputs, rank]."""

    a: Tensor
    b: Tensor
    scale: float


class LoraLayers:
    """See backend.AdapterHost; `use` says which token of the next forwards has which adapter."""

    def __init__(self, network: Any) -> None:
        self._network = network
        # As they were before the first adapter, so that files can be checked while the network is changed.
        self.linears = {
            name: (module.in_features, module.out_features)
            for name, module in network.named_modules()
            if isinstance(module, torch.nn.Linear)
        }
        # Shared by all layers: which tokens each adapter has, None for all of them.
        self._tokens: dict[int, Tensor | None] = {}

    def use(self, adapters: ArrayLike) -> None:
        """`adapters` has one index for each token of the next forwards, rows one after the other."""
        self._tokens.clear()
        indices = np.asarray(adapters)
        for index in np.unique(indices):
            if index != NO_ADAPTER:
                at = np.flatnonzero(indices == index)
                is_all = len(at) == len(indices)
                device = self._network.device
                self._tokens[int(index)] = None if is_all else torch.from_numpy(at).to(device)

    def put_adapter(self, index: int, files: AdapterFiles) -> Iterator[None]:
        scale = files.alpha / (files.rank**0.5 if files.use_rslora else files.rank)
        try:
            for layer, weights in [(self._adaptable(name), weights) for name, weights in files.weights.items()]:
                a, b = (weights[side].to(layer.base_layer.weight) for side in "AB")
                layer.put(index, Pair(a, b, scale))
                yield
        except Exception as error:
            self.drop_adapter(index)
            raise ValueError(str(error)) from error

    def drop_adapter(self, index: int) -> None:
        for layer in self._adapted():
            layer[1].drop(index)

    def pairs(self, index: int) -> Iterator[tuple[str, Tensor, Pair]]:
        """Name, own weight and pair of every layer that an adapter changes."""
        for name, layer in self._adapted():
            if index in layer.pairs:
                yield name, layer.base_layer.weight, layer.pairs[index]

    def _adaptable(self, name: str) -> LoraLinear:
        layer = self._network.get_submodule(name)
        if not isinstance(layer, LoraLinear):
            layer = self._wrapped(layer)
            self._network.set_submodule(name, layer)
        return layer

    def _wrapped(self, layer: torch.nn.Linear) -> LoraLinear:
        return LoraLinear(layer, self._tokens)

    def _adapted(self) -> Iterator[tuple[str, LoraLinear]]:
        for name, module in self._network.named_modules():
            if isinstance(module, LoraLinear):
                yield name, module


class LoraLinear(torch.nn.Module):
    """A linear layer and the pairs of its adapters by their index."""

    def __init__(self, base_layer: torch.nn.Linear, tokens: dict[int, Tensor | None]) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.pairs: dict[int, Pair] = {}
        self._tokens = tokens

    @property
    def weight(self) -> Tensor:
        return self.base_layer.weight

    def put(self, index: int, pair: Pair) -> None:
        self.pairs[index] = pair

    def drop(self, index: int) -> None:
        self.pairs.pop(index, None)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.base_layer(inputs)
        for index, at in self._tokens.items():
            pair = self.pairs.get(index)
            if pair is None:
                continue
            if at is None:
                outputs += linear(linear(inputs, pair.a), pair.b) * pair.scale
            else:
                added = linear(linear(inputs.flatten(0, -2)[at], pair.a), pair.b) * pair.scale
                outputs.flatten(0, -2).index_add_(0, at, added)
        return outputs
