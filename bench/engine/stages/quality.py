"""How far the served form is from float32: bench/quality.py's texts and measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from bench import quality
from bench.engine.turns import Group, Setting, Turn, Values
from inference.contract import EngineConfig
from inference.evaluation import fidelity

NAME = "quality of the served form"


@contextmanager
def prepared(setting: Setting, miss: Callable[[str, str], None]) -> Iterator[Sequence[Group]]:
    torch.set_num_threads(setting.threads)
    model = str(setting.model)
    try:
        served = quality.load(EngineConfig(model, backend="native"))
    except ValueError as reason:
        miss(NAME, str(reason))
        yield []
        return
    reference = quality.load(EngineConfig(model, dtype="float32", backend="torch"))
    texts = quality.texts(setting.model).values()

    def measure(_: int) -> Values:
        found = [fidelity.compare(reference.logits, served.logits, text, lambda: None) for text in texts]
        positions, kl, top1 = quality.over_all(found)
        return {"kl": kl, "top1": top1, "positions": positions}

    yield [[Turn(NAME, measure)]]
