"""Which loss a row has by its kind, and what it is for a model. Knows nothing of steps or weights of objectives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from inference.training import losses
from inference.training.packing import Pack, answer_log_probabilities
from inference.training.plan import MicroBatch
from inference.training.reference import measure
from inference.training.rows import Row
from inference.training.spec import Objectives


@dataclass(frozen=True, slots=True)
class Packed:
    """A micro-batch as the network reads it."""

    batch: MicroBatch
    pack: Pack


def row_losses(model: Any, packed: Packed, objectives: Objectives) -> Tensor:
    """The loss of each row of a micro-batch, [rows], in nats."""
    logps = iter(answer_log_probabilities(model, packed.pack))
    return torch.stack([_row_loss(row, [next(logps) for _ in row.turns], objectives) for row in packed.batch.rows])


def _row_loss(row: Row, logps: list[Tensor], objectives: Objectives) -> Tensor:
    if row.objective in ("sft", "replay"):
        return losses.supervised(logps[0])
    ratios = [each.sum() - reference for each, reference in zip(logps, row.reference, strict=True)]
    if row.objective == "unpaired":
        return losses.unpaired(ratios[0], torch.tensor(row.label, device=ratios[0].device), objectives.beta)
    chosen, rejected = ratios
    compared = losses.preference(chosen, rejected, objectives.beta, objectives.label_flip)
    return compared + objectives.chosen_sft * losses.supervised(logps[0])


def summed_loss(model: Any, rows: Sequence[Row], tokens: int, tick: Callable[[int, int], None]) -> tuple[float, float]:
    """The weighted sum of the rows' supervised losses, in nats per token, of a preference the chosen answer's; and the
    sum of the weights."""
    logps = measure(model, [row.turns[0] for row in rows], tokens, tick)
    weighted = sum(row.weight * float(losses.supervised(each)) for row, each in zip(rows, logps, strict=True))
    return weighted, sum(row.weight for row in rows)
