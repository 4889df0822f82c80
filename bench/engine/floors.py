"""What the machine itself can do: how fast memory is read, and how fast integers are multiplied."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from bench.engine.turns import Values

BYTES = 1 << 30
SIDE = 2048
TIMES = 3


def reading() -> Values:
    """Gigabytes per second, by summing up 1 GiB; the best of TIMES."""
    values = torch.ones(BYTES // 4)
    values.sum()
    return {"gb_per_s": BYTES / 1e9 / min(_seconds(lambda: values.sum()) for _ in range(TIMES))}


def multiplying() -> Values:
    """Billions of int8 operations per second of torch's product of two 2048 x 2048 matrices; the best of TIMES."""
    one = torch.randint(-100, 100, (SIDE, SIDE), dtype=torch.int8)
    torch._int_mm(one, one)
    return {"gop_per_s": 2 * SIDE**3 / 1e9 / min(_seconds(lambda: torch._int_mm(one, one)) for _ in range(TIMES))}


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
