"""Logits -> the next token of each row. Knows nothing of models, caches or text.

The order is that of transformers' processors: repetition penalty, no-repeat n-gram, temperature, top-k, top-p.
A draw depends on nothing but (seed, position in the reply), so a reply that another worker continues goes on
as it would have gone on here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.contract import SamplingParams

# The nucleus of top-p nearly always lies within so many candidates; only when not, the whole vocabulary is sorted.
CANDIDATES = 256


@dataclass(frozen=True, slots=True)
class SamplingRow:
    """One row of the batch. `history` is the prompt and the reply so far; the next token has index `position`."""

    params: SamplingParams
    history: Sequence[int]
    position: int


def choose(logits: Tensor, rows: Sequence[SamplingRow]) -> list[int]:
    """The next token id of each row; `logits` is [rows, vocabulary] in float32 and is changed in place."""
    for scores, row in zip(logits, rows, strict=True):
        penalise_repetition(scores, row.history, row.params.repetition_penalty)
        ban_repeated_ngrams(scores, row.history, row.params.no_repeat_ngram)
    chosen: list[int] = logits.argmax(dim=-1).tolist()
    for index, row in enumerate(rows):
        if row.params.temperature > 0:
            chosen[index] = _draw(logits[index], row)
    return chosen


def penalise_repetition(scores: Tensor, history: Sequence[int], penalty: float) -> None:
    """Make every token of `history` less likely, as CTRL does (arXiv:1909.05858 §4.1)."""
    if penalty == 1.0:
        return
    ids = torch.tensor(sorted(set(history)), device=scores.device)
    seen = scores[ids]
    scores[ids] = torch.where(seen < 0, seen * penalty, seen / penalty)


def ban_repeated_ngrams(scores: Tensor, history: Sequence[int], size: int) -> None:
    """Forbid each token that would repeat a run of `size` tokens of `history`."""
    if not 0 < size <= len(history):
        return
    tail = list(history[len(history) - size + 1 :])
    banned = {history[i + size - 1] for i in range(len(history) - size + 1) if list(history[i : i + size - 1]) == tail}
    scores[sorted(banned)] = -torch.inf


def nucleus(scores: Tensor, params: SamplingParams) -> tuple[Tensor, Tensor]:
    """The token ids that top-k and top-p leave, likeliest first, and their probabilities, which sum to 1."""
    scores = scores / params.temperature
    values, ids = scores.topk(min(params.top_k or CANDIDATES, scores.numel()))
    probabilities = (values - (values if params.top_k else scores).logsumexp(0)).exp()
    takes_all = params.top_p == 1.0
    if not params.top_k and (takes_all or float(probabilities.sum()) < params.top_p):
        probabilities, ids = scores.softmax(0).sort(descending=True)
    inside = (probabilities.cumsum(0) - probabilities < params.top_p) | takes_all
    inside[0] = True
    return ids[inside], probabilities[inside] / probabilities[inside].sum()


def uniform(seed: int, position: int) -> float:
    """A number in [0, 1) that only (seed, position) decide, the same on every machine."""
    digest = hashlib.blake2b(seed.to_bytes(8, "little") + position.to_bytes(8, "little"), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) / 2**53


def _draw(scores: Tensor, row: SamplingRow) -> int:
    ids, probabilities = nucleus(scores, row.params)
    steps = probabilities.double().cumsum(0)
    index = int(torch.searchsorted(steps, uniform(row.params.seed, row.position), right=True))
    return int(ids[min(index, len(ids) - 1)])
