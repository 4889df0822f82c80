"""Counts what follows which few tokens, and keeps what is worth a guess."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.drafting.conversing import Answer
from inference.serving.drafts import MOST_TOKENS, STEPS, Drafts, hashes

# A context is kept if it was met so many times, and what it says is right so often.
LEAST_TIMES = 2
LEAST_CHANCE = 0.06
# What shorter contexts say counts as much as having met a context so many times.
DOUBT = 1.5
# One that guesses what shorter ones guess is kept if its chance is another one by such a factor.
ANOTHER = 1.5


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
        kept: list[tuple[NDArray[Any], ...]] = []
        # Of each token of the answers, by shorter contexts: its chance, what is guessed, and the chance of that.
        _, number, times = np.unique(followers, return_inverse=True, return_counts=True)
        chances = times[number] / len(followers)
        guesses, of_guesses = np.full(len(followers), -1, np.int64), np.zeros(len(followers))
        for own in contexts:
            counted = _Counted(own, followers, chances)
            is_kept = counted.worth_keeping(guesses, of_guesses)
            kept.append((counted.contexts[is_kept], counted.best[is_kept], counted.of_best[is_kept]))
            is_new = is_kept[counted.context_of]
            guesses = np.where(is_new, counted.best[counted.context_of], guesses)
            of_guesses = np.where(is_new, counted.of_best[counted.context_of], of_guesses)
            chances = counted.chances
        hashed, tokens, likely = (np.concatenate(column) for column in zip(*kept, strict=True))
        hashed, first = np.unique(hashed, return_index=True)  # two of them have the same hash now and then
        in_steps = np.minimum(STEPS * likely[first], STEPS - 1)
        return Drafts(hashed, tokens[first].astype(np.uint32), in_steps.astype(np.uint8))


class _Counted:
    """What follows contexts of one length. A token's chance there is that of a hierarchical Dirichlet language model
    (MacKay and Peto 1995): (times it followed + DOUBT x its chance after shorter contexts) / (times met + DOUBT).

    Of each token of the answers: `context_of`, the number of its context, and `chances`. Of each context, ascending by
    hash: `contexts`, `times` it was met, `met_at`, where, the `best` token and its chance `of_best`.
    """

    def __init__(self, own: NDArray[np.uint32], followers: NDArray[np.uint32], shorter: NDArray[np.float64]) -> None:
        both = own.astype(np.uint64) << np.uint64(32) | followers
        pairs, where, pair_of, times = np.unique(both, return_index=True, return_inverse=True, return_counts=True)
        self.contexts, first, context_of = np.unique(
            (pairs >> np.uint64(32)).astype(np.uint32), return_index=True, return_inverse=True
        )
        self.times = np.add.reduceat(times, first)
        chances = (times + DOUBT * shorter[where]) / (self.times[context_of] + DOUBT)
        order = np.lexsort((chances, context_of))
        best = order[np.append(first[1:], len(order)) - 1]
        self.met_at, self.best, self.of_best = where[best], followers[where[best]].astype(np.int64), chances[best]
        self.context_of, self.chances = context_of[pair_of], chances[pair_of]

    def worth_keeping(self, guesses: NDArray[np.int64], of_guesses: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which contexts say what shorter ones do not; these guess `guesses` at each token, with such chances."""
        guess, chance = guesses[self.met_at], of_guesses[self.met_at]
        is_another = np.maximum(self.of_best, chance) > ANOTHER * np.minimum(self.of_best, chance)
        is_likelier = self.of_best > DOUBT * chance / (self.times + DOUBT)
        says_something = np.where(self.best == guess, is_another, is_likelier)
        is_kept: NDArray[np.bool_] = (self.times >= LEAST_TIMES) & (self.of_best >= LEAST_CHANCE) & says_something
        return is_kept


def share_right(drafts: Drafts, answers: Sequence[Answer]) -> float:
    """The share of the answers' tokens that `drafts` would have guessed."""
    right = total = 0
    for answer in answers:
        history = [*answer.prompt_ids, *answer.token_ids]
        for at in range(len(answer.prompt_ids), len(history)):
            draft = drafts.guess(history[max(0, at - MOST_TOKENS) : at])
            right += draft is not None and draft[0] == history[at]
        total += len(answer.token_ids)
    return right / total if total else 0.0
