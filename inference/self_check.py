"""Whether an adapter computes here what it computed where it was made: the logits of one fixed prompt.

The file stands beside the adapter's weights. It holds the logits with the adapter and without it, so that a machine
that rounds otherwise (another type, other threads, another processor) is told from an adapter that is not in place:
by how much the base model differs here is how much the adapter may differ.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from inference.contract import ChatMessage

FILE = "self_check.json"
PROMPT = (ChatMessage("user", "What should I know before I ask you for help? Answer in one sentence."),)
TOP = 64
MAX_PROMPT_TOKENS = 256
MAX_BYTES = 1 << 16
# In nats, root mean square over the TOP most likely tokens. docs/decisions/0012-rollout.md has what was measured.
ALWAYS_ALLOWED = 0.1
TIMES_THE_BASE = 2.0
BASE_ALLOWED = 1.0


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """`adapted` and `base` are log-probabilities in nats of `top_ids` after `token_ids`, with and without the adapter.

    Raises ValueError with a sentence when the values do not belong together.
    """

    token_ids: tuple[int, ...]
    top_ids: tuple[int, ...]
    adapted: tuple[float, ...]
    base: tuple[float, ...]
    dtype: str
    v: int = 1

    def __post_init__(self) -> None:
        if not 0 < len(self.token_ids) <= MAX_PROMPT_TOKENS or not 0 < len(self.top_ids) <= TOP:
            raise ValueError(f"{FILE} has too few or too many tokens.")
        if not len(self.top_ids) == len(self.adapted) == len(self.base):
            raise ValueError(f"{FILE} has not as many values as tokens.")
        if not all(math.isfinite(value) for value in (*self.adapted, *self.base)):
            raise ValueError(f"{FILE} holds values that are not finite.")


def measured(token_ids: Sequence[int], adapted: Tensor, base: Tensor, dtype: str) -> SelfCheck:
    """What to store: `adapted` and `base` are the last position's logits, [vocabulary]."""
    with_it = adapted.float().log_softmax(-1)
    top = with_it.topk(min(TOP, with_it.numel())).indices
    without = base.float().log_softmax(-1)[top]
    return SelfCheck(
        tuple(token_ids),
        tuple(int(i) for i in top.tolist()),
        tuple(round(float(value), 4) for value in with_it[top].tolist()),
        tuple(round(float(value), 4) for value in without.tolist()),
        dtype,
    )


def difference_from(stored: SelfCheck, adapted: Tensor, base: Tensor) -> str | None:
    """Why what was computed here, [vocabulary] each, is not what was stored, in a sentence; None when it is."""
    here = _distance(stored.base, base, stored.top_ids)
    if not here <= BASE_ALLOWED:
        return (
            f"The base model itself computes something else here than where the adapter was made: {here:.2f} nats apart"
            f", and {BASE_ALLOWED:g} are allowed."
        )
    allowed = ALWAYS_ALLOWED + TIMES_THE_BASE * here
    distance = _distance(stored.adapted, adapted, stored.top_ids)
    if not distance <= allowed:
        return (
            f"The adapter computes something else here than where it was made: {distance:.2f} nats apart, and "
            f"{allowed:.2f} are allowed."
        )
    return None


def written(check: SelfCheck) -> bytes:
    return (json.dumps(asdict(check)) + "\n").encode()


def read(folder: Path) -> SelfCheck | None:
    """What stands beside an adapter, None when nothing does. Raises ValueError with a sentence."""
    path = folder / FILE
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"{FILE} is too large.")
        values: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{FILE} cannot be read: {error.strerror}.") from error
    try:
        return SelfCheck(
            tuple(int(i) for i in values["token_ids"]),
            tuple(int(i) for i in values["top_ids"]),
            tuple(float(x) for x in values["adapted"]),
            tuple(float(x) for x in values["base"]),
            str(values["dtype"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{FILE} cannot be read: {error}.") from error


def _distance(stored: Sequence[float], logits: Tensor, ids: Sequence[int]) -> float:
    """Root mean square of the differences, in nats."""
    found = logits.float().log_softmax(-1)[list(ids)].tolist()
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(stored, found, strict=True)) / len(ids))
