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

Nucleus = tuple[NDArray[np.int64], NDArray[np.float32]]


def nucleus(logits: NDArray[np.float32], params: SamplingParams) -> Nucleus:
    """The token ids that are left of `logits` [vocabulary], likeliest first, and their probabilities, summing to 1."""
    best, temperature = logits.max(), np.float32(params.temperature)
    if not params.top_k and params.top_p < 1.0:
        # Mostly a few dozen of them: all of a row is then looked at twice, and nothing computed of it.
        reached = np.flatnonzero(logits >= best - REACH * temperature)
        chances = np.exp((logits[reached] - best) / temperature)
        chances /= chances.sum()
        # All whose chances are below this one add up to less than top-p leaves out.
        near = np.flatnonzero(chances >= (1.0 - params.top_p) / len(logits))
        near = near[_likeliest_first(chances[near])]
        return _inside(reached[near], chances[near], params)
    below = (logits - best) / temperature
    ids = _likeliest_first(below, params.top_k)
    chances = np.exp(below[ids])
    return _inside(ids, chances / chances.sum(), params)


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


def _likeliest_first(scores: NDArray[np.float32], most: int = 0) -> NDArray[np.int64]:
    """The indices of `scores` by what they are, of equal ones as they stand; the first `most` of them, if any."""
    ids = np.arange(len(scores))
    if 0 < most < len(ids):
        ids = np.flatnonzero(scores >= np.partition(scores, -most)[-most])
    return ids[np.argsort(-scores[ids], kind="stable")][: most or None]


def _inside(ids: NDArray[np.int64], chances: NDArray[np.float32], params: SamplingParams) -> Nucleus:
    """What top-p and min-p leave of the tokens, which stand likeliest first: each leaves a beginning."""
    inside = (chances.cumsum() - chances < params.top_p) | (params.top_p == 1.0)
    inside &= (chances >= params.min_p * chances[0]) & (chances > 0)
    count = max(1, np.count_nonzero(inside))
    return ids[:count], chances[:count] / chances[:count].sum()
