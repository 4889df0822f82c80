"""Logits -> the next token of each row. Knows nothing of models, caches or text.

The order is that of transformers' processors: bias, penalties, no-repeat n-gram, temperature, top-k, top-p, min-p. What
a format does not allow is taken out before the temperature; within one, what has to be said may be said again.
On a CPU nearly all of it is numpy's, whose calls take a fraction of the time of torch's. What nearly every row asks for
is computed for all rows at once: on a GPU each of a row's own kernels, and each look at what came of it, is waited for
as long as for ten layers.
A draw depends on nothing but (seed, position in the reply), so a reply that another worker continues goes on
as it would have gone on here.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.contract import SamplingParams
from inference.serving.nucleus import nuclei, nucleus

Scores = TypeVar("Scores", Tensor, NDArray[np.float32])
Values = TypeVar("Values", bound=np.generic)


@dataclass(slots=True)
class SamplingRow:
    """One row of the batch. `history` is the prompt and the reply so far; the next token has index `position` in the
    reply. `allowed` are the tokens that its format leaves, [vocabulary] with one at least."""

    params: SamplingParams
    history: list[int]
    position: int
    allowed: NDArray[np.bool_] | None = None

    def append(self, token_id: int) -> None:
        """Go on behind `token_id`."""
        self.history.append(token_id)
        self.position += 1


class Chosen(NamedTuple):
    """The next token of a row. `chances` are, if asked for, ln p of it and then of the likeliest in its place, as the
    model held them before anything was changed."""

    token_id: int
    chances: tuple[tuple[int, float], ...] = ()


def choose(logits: Scores, rows: Sequence[SamplingRow], likeliest: Sequence[int] | None = None) -> list[Chosen | None]:
    """The next token of each row, None where what is likeliest is no number; `logits` is [rows, vocabulary] in float32
    and is changed in place, `likeliest` are the first of the highest in each row, where they are known."""
    told: dict[int, Tensor] = {}
    changed: set[int] = set()
    is_penalised = False
    for index, row in enumerate(rows):  # an array that is gone through costs more than all else here
        params = row.params
        if params.logprobs is not None:
            told[index] = torch.as_tensor(logits[index]).log_softmax(-1)
        if params.logit_bias:
            add_bias(logits[index], params.logit_bias)
            if likeliest and any(value > 0 or token_id == likeliest[index] for token_id, value in params.logit_bias):
                changed.add(index)
        if params.repetition_penalty != 1.0:
            is_penalised = True
            changed.add(index)
        if params.presence_penalty or params.frequency_penalty or params.no_repeat_ngram or row.allowed is not None:
            changed.add(index)
    if is_penalised:
        penalise_repetition(logits, [row.history for row in rows], [row.params.repetition_penalty for row in rows])
    for index in changed:
        row = rows[index]
        if row.params.presence_penalty or row.params.frequency_penalty:
            penalise_presence(logits[index], row)
        if row.allowed is not None:
            logits[index][_beside(logits, ~row.allowed)] = -torch.inf
        elif row.params.no_repeat_ngram:
            ban_repeated_ngrams(logits[index], row.history, row.params.no_repeat_ngram)
    ids, best = _likeliest(logits, likeliest, changed)
    # Where not even the likeliest has a chance, every token is banned, and any is as good.
    drawing = [index for index, row in enumerate(rows) if row.params.temperature > 0 and math.isfinite(best[index])]
    for index, token_id in zip(drawing, _draw(logits, rows, drawing), strict=True):
        ids[index] = token_id
    return [
        Chosen(token_id, _chances(told[index], token_id, rows[index].params.logprobs or 0) if index in told else ())
        if best[index] < math.inf
        else None
        for index, token_id in enumerate(ids)
    ]


def add_bias(scores: Scores, bias: Sequence[tuple[int, float]]) -> None:
    """Add to the logits of single tokens; ids that the model does not have are left out."""
    for token_id, value in bias:
        if token_id < len(scores):
            scores[token_id] += value


def penalise_presence(scores: Scores, row: SamplingRow) -> None:
    """Make what the reply has already less likely, as OpenAI's API does: logit - frequency·count - presence."""
    presence, frequency = row.params.presence_penalty, row.params.frequency_penalty
    if not row.position:
        return
    counts = Counter(row.history[len(row.history) - row.position :])
    times = np.array(list(counts.values()), dtype=np.float32)
    scores[list(counts)] -= _beside(scores, times * np.float32(frequency) + np.float32(presence))


def penalise_repetition(logits: Scores, histories: Sequence[Sequence[int]], penalties: Sequence[float]) -> None:
    """Make every token of each row's history less likely, as CTRL does (arXiv:1909.05858 §4.1); `logits` [rows,
    vocabulary]."""
    penalised = [index for index, penalty in enumerate(penalties) if penalty != 1.0 and histories[index]]
    if not penalised:
        return
    # What a history has twice is written twice, and both times the same.
    lengths = [len(histories[index]) for index in penalised]
    row = _beside(logits, np.repeat(penalised, lengths))
    token = _beside(logits, np.concatenate([np.array(histories[index]) for index in penalised]))
    penalty = _beside(logits, np.repeat([penalties[index] for index in penalised], lengths).astype(np.float32))
    seen = logits[row, token]
    where: Any = np.where if isinstance(logits, np.ndarray) else torch.where
    logits[row, token] = where(seen < 0, seen * penalty, seen / penalty)


def ban_repeated_ngrams(scores: Scores, history: Sequence[int], size: int) -> None:
    """Forbid each token that would repeat a run of `size` tokens of `history`."""
    if banned := _repeating(history, size):
        scores[banned] = -torch.inf


def _repeating(history: Sequence[int], size: int) -> list[int]:
    if not 0 < size <= len(history):
        return []
    if size == 1:
        return sorted(set(history))
    tail = list(history[len(history) - size + 1 :])
    banned = set()
    at = size - 2
    with suppress(ValueError):  # there is no more of them
        while (at := history.index(tail[-1], at, len(history) - 1)) >= 0:
            if list(history[at - size + 2 : at + 1]) == tail:
                banned.add(history[at + 1])
            at += 1
    return sorted(banned)


def uniform(seed: int, position: int) -> float:
    """A number in [0, 1) that only (seed, position) decide, the same on every machine."""
    digest = hashlib.blake2b(seed.to_bytes(8, "little") + position.to_bytes(8, "little"), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) / 2**53


def _likeliest(logits: Scores, known: Sequence[int] | None, changed: Collection[int]) -> tuple[list[int], list[float]]:
    """Each row's likeliest token, and its logit; they are `known` of those that are not `changed`. What is not a number
    counts as likelier than any."""
    if isinstance(logits, np.ndarray):
        ids: list[int] = list(known) if known else logits.argmax(-1).tolist()
        for index in changed if known else ():
            ids[index] = int(logits[index].argmax())
        return ids, [float(logits[index, token_id]) for index, token_id in enumerate(ids)]
    values, found = logits.max(-1)
    return found.tolist(), values.tolist()


def _draw(logits: Scores, rows: Sequence[SamplingRow], drawing: Sequence[int]) -> list[int]:
    """A token for each of the rows that are `drawing`."""
    if not drawing:
        return []
    draws = [uniform(rows[index].params.seed, rows[index].position) for index in drawing]
    if isinstance(logits, np.ndarray):
        found = [nucleus(logits[index], rows[index].params, draw) for index, draw in zip(drawing, draws, strict=True)]
    else:
        found = nuclei(logits[drawing], [rows[index].params for index in drawing])
    drawn = []
    for (ids, probabilities), draw in zip(found, draws, strict=True):
        at = int(probabilities.astype(np.float64).cumsum().searchsorted(draw, side="right"))
        drawn.append(int(ids[min(at, len(ids) - 1)]))
    return drawn


def _beside(logits: Scores, values: NDArray[Values]) -> Any:
    """`values` where `logits` are."""
    return values if isinstance(logits, np.ndarray) else torch.from_numpy(values).to(logits.device)


def _chances(logprobs: Tensor, token_id: int, alternatives: int) -> tuple[tuple[int, float], ...]:
    values, ids = logprobs.topk(min(alternatives, len(logprobs)))
    likeliest = zip(ids.tolist(), values.tolist(), strict=True)
    return ((token_id, float(logprobs[token_id])), *likeliest)
