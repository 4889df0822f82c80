"""What 16 different adapters in one batch cost: rank 16, on all seven linears of every layer, one for each stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from bench.engine.peers import PeerUnavailable
from bench.engine.peers.kernel import SLOTS, Kernel
from bench.engine.replies import tokens_per_s
from bench.engine.turns import Group, Setting, Turn, Values
from inference.serving.adapters import AdapterFiles
from inference.serving.backend import NO_ADAPTER

NONE, MANY = "16 streams without adapters", "16 streams, 16 adapters"
RANK = 16
DEVIATION = 0.1  # of its weights: enough that each writes something else


@contextmanager
def prepared(setting: Setting, miss: Callable[[str, str], None]) -> Iterator[Sequence[Group]]:
    try:
        kernel = Kernel(setting.model, setting.threads)
    except PeerUnavailable as reason:
        miss(MANY, str(reason))
        yield []
        return
    draw = torch.Generator().manual_seed(0)
    for index in range(SLOTS):
        for _ in kernel.backend.put_adapter(index, _adapter(kernel, index, draw)):
            pass
    of_base = _written(kernel, setting, False)[0]

    def many(_: int) -> Values:
        ids, values = _written(kernel, setting, True)
        if alike := sum(one == other for one, other in zip(ids, of_base, strict=True)):
            raise ValueError(f"{alike} of {SLOTS} replies with an adapter are those of the base model.")
        return values

    _written(kernel, setting, True)
    yield [[Turn(NONE, lambda _: _written(kernel, setting, False)[1]), Turn(MANY, many)]]
    kernel.close()


def _written(kernel: Kernel, setting: Setting, has_adapters: bool) -> tuple[list[tuple[int, ...]], Values]:
    kernel.adapter_of = np.arange(SLOTS, dtype=np.int32) if has_adapters else np.full(SLOTS, NO_ADAPTER, np.int32)
    replies = kernel.write(setting.prompts.short, setting.tokens)
    return [reply.token_ids for reply in replies], {"tokens_per_s": tokens_per_s([reply.times_s for reply in replies])}


def _adapter(kernel: Kernel, index: int, draw: torch.Generator) -> AdapterFiles:
    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draw) * DEVIATION

    weights = {
        name: {"A": random(RANK, inputs), "B": random(outputs, RANK)}
        for name, (inputs, outputs) in kernel.backend.linears.items()
    }
    return AdapterFiles(str(index), RANK, RANK, False, weights, None)
