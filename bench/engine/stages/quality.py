"""How far the served form is from float32: bench/quality.py's text and measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from bench import quality
from bench.engine.turns import Group, Setting, Turn, Values
from inference import pretrained
from inference.chat_template import ChatTemplate
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
    _, text = fidelity.passages(ChatTemplate(pretrained.load_tokenizer(setting.model)))
    text = text.with_positions(quality.POSITIONS)

    def measure(_: int) -> Values:
        found = fidelity.compare(reference.logits, served.logits, text, lambda: None)
        return {"kl": found.kl, "top1": found.top1, "positions": found.positions}

    yield [[Turn(NAME, measure)]]
