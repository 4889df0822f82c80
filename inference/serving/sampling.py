"""Logits -> the next token of each row. Knows nothing of models, caches or text.

The order is that of transformers' processors: bias, penalties, no-repeat n-gram, temperature, top-k, top-p, min-p. What
a format does not allow is taken out before the temperature; within one, what has to be said may be said again.
A draw depends on nothing but (seed, position in the reply), so a reply that another worker continues goes on
as it would have gone on here.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.contract import SamplingParams

# The nucleus of top-p nearly always lies within so many candidates; only when not, the whole vocabulary is sorted.
CANDIDATES = 256


@dataclass(frozen=True, slots=True)
class SamplingRow:
    """One row of the batch. `history` is the prompt and the reply so far; the next token has index `position`.
    `allowed` are the tokens that its format leaves, [vocabulary] with one at least."""

    params: SamplingParams
    history: Sequence[int]
    position: int
    allowed: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The next token of a row. `chances` are, if asked for, ln p of it and then of the likeliest in its place, as the
    model held them before anything was changed."""

    token_id: int
    chances: tuple[tuple[int, float], ...] = ()


def choose(logits: Tensor, rows: Sequence[SamplingRow]) -> list[Chosen]:
    """The next token of each row; `logits` is [rows, vocabulary] in float32 and is changed in place."""
    told = {index: logits[index].log_softmax(-1) for index, row in enumerate(rows) if row.params.logprobs is not None}
    for scores, row in zip(logits, rows, strict=True):
        add_bias(scores, row.params.logit_bias)
        penalise_repetition(scores, row.history, row.params.repetition_penalty)
        penalise_presence(scores, row.history[len(row.history) - row.position :], row.params)
        if row.allowed is None:
            ban_repeated_ngrams(scores, row.history, row.params.no_repeat_ngram)
        else:
            scores.masked_fill_(torch.from_numpy(~row.allowed).to(scores.device), -torch.inf)
    ids: list[int] = logits.argmax(dim=-1).tolist()
    for index, row in enumerate(rows):
        if row.params.temperature > 0:
            ids[index] = _draw(logits[index], row)
    return [
        Chosen(token_id, _chances(told[index], token_id, rows[index].params.logprobs or 0) if index in told else ())
        for index, token_id in enumerate(ids)
    ]


def add_bias(scores: Tensor, bias: Sequence[tuple[int, float]]) -> None:
    """Add to the logits of single tokens; ids that the model does not have are left out."""
    for token_id, value in bias:
        if token_id < len(scores):
            scores[token_id] += value


def penalise_presence(scores: Tensor, reply: Sequence[int], params: SamplingParams) -> None:
    """Make what the reply has already less likely, as OpenAI's API does: logit - frequency·count - presence."""
    if not reply or params.presence_penalty == params.frequency_penalty == 0.0:
        return
    counts = Counter(reply)
    ids = torch.tensor(list(counts), device=scores.device)
    times = torch.tensor(list(counts.values()), dtype=scores.dtype, device=scores.device)
    scores[ids] -= times * params.frequency_penalty + params.presence_penalty


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
    """The token ids that top-k, top-p and min-p leave, likeliest first, and their probabilities, which sum to 1."""
    scores = scores / params.temperature
    values, ids = scores.topk(min(params.top_k or CANDIDATES, scores.numel()))
    probabilities = (values - (values if params.top_k else scores).logsumexp(0)).exp()
    takes_all = params.top_p == 1.0
    if not params.top_k and (takes_all or float(probabilities.sum()) < params.top_p):
        probabilities, ids = scores.softmax(0).sort(descending=True)
    inside = (probabilities.cumsum(0) - probabilities < params.top_p) | takes_all
    inside &= (probabilities >= params.min_p * probabilities[0]) & (probabilities > 0)
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


def _chances(logprobs: Tensor, token_id: int, alternatives: int) -> tuple[tuple[int, float], ...]:
    values, ids = logprobs.topk(min(alternatives, len(logprobs)))
    likeliest = zip(ids.tolist(), values.tolist(), strict=True)
    return ((token_id, float(logprobs[token_id])), *likeliest)
