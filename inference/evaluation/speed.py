"""How fast forms of a model write, measured in turns, because a machine is not equally fast at all times."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

from inference.serving.scratch import Scratch

ROUNDS = 5
TOKENS = 24


def tokens_per_s(forms: Sequence[Scratch], prompt: Sequence[int], tick: Callable[[], object]) -> list[float]:
    """Tokens per second of one greedy reply after `prompt`, reading it not counted: for each form the median of ROUNDS
    rounds, in which each form has its turn. `tick` is called after each turn."""
    found: list[list[float]] = [[] for _ in forms]
    for _ in range(ROUNDS):
        for rates, form in zip(found, forms, strict=True):
            token = int(form.last_logits(prompt).argmax())
            began = time.perf_counter()
            for position in range(len(prompt), len(prompt) + TOKENS):
                token = int(form.logits([token], position)[0].argmax())
            rates.append(TOKENS / (time.perf_counter() - began))
            tick()
    return [median(rates) for rates in found]
