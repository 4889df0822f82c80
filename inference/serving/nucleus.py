"""The tokens that top-k, top-p and min-p leave to be drawn from: row by row on a CPU, of all rows at once on a GPU.

Either way only the likeliest are sorted, where they are sure to hold all that is left; else the whole vocabulary is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.contract import SamplingParams

# So many count as the likeliest on a GPU.
CANDIDATES = 256
# What is below e^-REACH of the likeliest one's chance is not computed on a CPU: 50,000 tokens of it would add 0.000002.
REACH = 24.0

# While fewer than one in so many tokens are within it, they are picked out before anything is computed.
FEW = 8
# From these chances on it is tried whether there are enough; thereafter all count that have any.
STEPS = (1e-3, 1e-4, 1e-5, 1e-6)
LEAST = float(np.finfo(np.float32).smallest_subnormal)
# The highest of so many tokens each are compared first.
COLUMN = 32

Nucleus = tuple[NDArray[np.int64], NDArray[np.float32]]


def nucleus(logits: NDArray[np.float32], params: SamplingParams, draw: float = 1.0) -> Nucleus:
    """The token ids that are left of `logits` [vocabulary], likeliest first, and their probabilities, summing to 1; the
    least likely may be missing where those before them add up to more than `draw`."""
    best, temperature = logits.max(), np.float32(params.temperature)
    if params.top_k:
        ids = _likeliest(logits, params.top_k)
        chances = np.exp((logits[ids] - best) / temperature)
        return _inside(ids, chances / chances.sum(), params)
    is_reached = logits >= best - REACH * temperature
    # Mostly a few dozen of them: all of a row is then looked at twice, and nothing computed of it.
    reached = np.flatnonzero(is_reached) if np.count_nonzero(is_reached) < len(logits) // FEW else None
    chances = np.exp(((logits if reached is None else logits[reached]) - best) / temperature)
    chances /= chances.sum()
    is_whole = params.top_p < 1.0 or params.min_p > 0.0
    near = _adding_up_to(params.top_p if is_whole else draw, chances, max(params.min_p * chances.max(), LEAST))
    near = near[np.argsort(-chances[near], kind="stable")]
    ids, chances = near if reached is None else reached[near], chances[near]
    return _inside(ids, chances, params) if is_whole else (ids, chances)


def nuclei(logits: Tensor, params: Sequence[SamplingParams]) -> list[Nucleus]:
    """The same for each row of `logits` [rows, vocabulary], in a few calls."""
    scores = logits / torch.tensor([each.temperature for each in params], device=logits.device)[:, None]
    values, ids = (found.cpu().numpy() for found in scores.topk(min(CANDIDATES, scores.shape[1])))
    totals = scores.logsumexp(1).tolist()
    found = []
    for row, each in enumerate(params):
        own_values, own_ids, total = values[row], ids[row], totals[row]
        most = each.top_k or scores.shape[1]
        is_enough = most <= len(own_ids) or (not each.top_k and np.exp(own_values - total).sum() >= each.top_p < 1.0)
        if not is_enough:
            ordered = scores[row].sort(descending=True)
            own_values, own_ids = ordered.values.cpu().numpy(), ordered.indices.cpu().numpy()
        chances = np.exp(own_values[:most] - (own_values[0] if each.top_k else total))
        found.append(_inside(own_ids[:most], chances / chances.sum() if each.top_k else chances, each))
    return found


def _adding_up_to(bound: float, chances: NDArray[np.float32], least: float) -> NDArray[np.int64]:
    """The indices of those from some chance on that add up to more than `bound`; of all that are `least` or more, where
    these do not. Whatever is left out is less likely than all of them."""
    for chance in STEPS:
        near = np.flatnonzero(chances >= chance)
        if chance > least and chances[near].sum() > bound:
            return near
    return np.flatnonzero(chances >= least)


def _likeliest(logits: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """The indices of the `most` highest, the highest first, of equal ones as they stand."""
    # Of as many columns the highest are no less than these, and there are few others as high.
    highest = logits[: len(logits) // COLUMN * COLUMN].reshape(COLUMN, -1).max(0)
    ids = np.arange(len(logits))
    if most < len(highest):
        ids = np.flatnonzero(logits >= np.partition(highest, -most)[-most])
    return ids[np.argsort(-logits[ids], kind="stable")][:most]


def _inside(ids: NDArray[np.int64], chances: NDArray[np.float32], params: SamplingParams) -> Nucleus:
    """What top-p and min-p leave of the tokens, which stand likeliest first: each leaves a beginning."""
    inside = (chances.cumsum() - chances < params.top_p) | (params.top_p == 1.0)
    inside &= (chances >= params.min_p * chances[0]) & (chances > 0)
    count = max(1, np.count_nonzero(inside))
    return ids[:count], chances[:count] / chances[:count].sum()
