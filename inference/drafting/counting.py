"""Counts what follows which few tokens, and keeps what is worth a guess."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inference.drafting.conversing import Answer
from inference.serving.drafts import MOST_TOKENS, Drafts, hashes

# A context is kept if it was met so many times.
LEAST_TIMES = 2
# What was met m times of n is right in about m / (n + DOUBT) of all cases.
DOUBT = 1.5
LEAST_CHANCE = 0.08


class Counting:
    """Takes answers in; what `drafts` makes of them says what is most likely, not how often it was drawn."""

    def __init__(self) -> None:
        self.tokens = 0
        self._contexts: list[NDArray[np.uint32]] = []  # [MOST_TOKENS, tokens of the answer]
        self._followers: list[NDArray[np.uint32]] = []

    def add(self, answer: Answer) -> None:
        ids = np.array([*answer.prompt_ids[-MOST_TOKENS:], *answer.token_ids], np.int64)
        self._contexts.append(hashes(ids)[:, -len(answer.token_ids) - 1 : -1])
        self._followers.append(np.array(answer.likeliest, np.uint32))
        self.tokens += len(answer.likeliest)

    def drafts(self) -> Drafts:
        contexts, followers = np.concatenate(self._contexts, 1), np.concatenate(self._followers)
        kept: dict[int, int] = {}
        surest = np.zeros(len(followers))  # at each token, by contexts that are shorter
        for own in contexts:
            keys, tokens, chances, where = _likeliest(own, followers)
            is_kept = chances > surest[where]
            kept.update(zip(keys[is_kept].tolist(), tokens[is_kept].tolist(), strict=True))
            known = np.isin(own, keys)
            surest[known] = np.maximum(surest[known], chances[keys.searchsorted(own[known])])
        return Drafts(kept)


def _likeliest(
    contexts: NDArray[np.uint32], followers: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float64], NDArray[np.int64]]:
    """Of each context worth keeping, ascending: what followed most often, its chance, and where the context was met."""
    both = contexts.astype(np.uint64) << np.uint64(32) | followers
    pairs, where, times = np.unique(both, return_index=True, return_counts=True)
    owners = (pairs >> np.uint64(32)).astype(np.uint32)
    order = np.lexsort((times, owners))
    is_last = np.append(np.diff(owners[order]) != 0, True)
    best = order[is_last]
    totals = np.add.reduceat(times, np.flatnonzero(np.append(True, np.diff(owners) != 0)))
    chances = times[best] / (totals + DOUBT)
    is_kept = (totals >= LEAST_TIMES) & (chances >= LEAST_CHANCE)
    best = best[is_kept]
    return owners[best], (pairs[best] & np.uint64(0xFFFFFFFF)).astype(np.uint32), chances[is_kept], where[best]


def share_right(drafts: Drafts, answers: Sequence[Answer]) -> float:
    """The share of the answers' tokens that `drafts` would have guessed."""
    right = total = 0
    for answer in answers:
        history = [*answer.prompt_ids, *answer.token_ids]
        for at in range(len(answer.prompt_ids), len(history)):
            right += drafts.guess(history[max(0, at - MOST_TOKENS) : at]) == history[at]
        total += len(answer.token_ids)
    return right / total if total else 0.0
