"""Guesses how a text goes on: as it did before (prompt look-up: github.com/apoorvumang/prompt-lookup-decoding), or,
where it said nothing like it, as its model mostly does.

A guess costs next to nothing to make, and the model reads it beside the token that it must read anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

from inference.serving.drafts import MOST_TOKENS, Drafts

# The longest run of tokens that was there before is looked for first.
RUNS = (3, 2)
# With these, four tokens are read at once, for which a step of the kernel takes an eighth longer than for one, or half.
GUESSES = 3
# A third token and a fourth one take a step 6 % longer each while memory is slow, and a fifth when it is fast; they are
# worth that if all of them are right so often. The second one is nearly free.
LEAST_CHANCE = 0.3


class Lookup:
    """The runs of tokens of one growing text, each with where it stood last; `drafts` are its model's, if any."""

    def __init__(self, drafts: Drafts | None = None) -> None:
        self._drafts = drafts
        self._ends: dict[tuple[int, ...], int] = {}
        self._known = 1

    def guess(self, history: Sequence[int], most: int) -> list[int]:
        """What may follow `history`, which is that of the last call with more behind it: `most` tokens, or fewer."""
        for end in range(self._known, len(history)):
            for size in RUNS:
                if size <= end:
                    self._ends[tuple(history[end - size : end])] = end
        self._known = len(history)
        for size in RUNS:
            if at := self._ends.get(tuple(history[-size:])):
                return list(history[at : at + most])
        return self._drafted(history, most)

    def _drafted(self, history: Sequence[int], most: int) -> list[int]:
        guesses: list[int] = []
        chance = 1.0  # that all of them are right
        while self._drafts and len(guesses) < most:
            draft = self._drafts.guess([*history[-MOST_TOKENS:], *guesses])
            chance *= draft[1] if draft else 0.0
            if not draft or (guesses and chance < LEAST_CHANCE):
                break
            guesses.append(draft[0])
        return guesses
