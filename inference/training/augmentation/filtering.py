"""Which of the questions that were made may be trained on. Knows nothing of how they were made.

One stays when no person has refused it, when it still asks for its own answer (by embeddings, where there is an
embedder), is no question of another row, and comes near no question that is held out: that would be training on the
test in other words.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from inference.training.augmentation.wording import WORD

Vector = NDArray[np.float32]
# A vector of length 1 for each text; None for a text that cannot be read.
Embed = Callable[[Sequence[str]], Sequence[Vector | None]]
# By the row's id the SHA-256 of each question made of it that is not to be learned.
Refused = Mapping[str, Collection[str]]
# Jaccard similarity of the three-character sets, as snapshots take two questions for one.
NEAR = 0.8
# The least cosine between a made question and its row's question or answer.
LEAST_ALIKE = 0.35


class Filter:
    """`questions` and `answers` by the row's id are what is trained on; `held_out` are questions of dev and test."""

    def __init__(
        self,
        questions: dict[str, str],
        answers: dict[str, str],
        held_out: Sequence[str],
        embed: Embed | None,
        by_people: Refused,
    ) -> None:
        self._by_people = by_people
        self._asked = set(questions.values())
        self._held_out = [_grams(question) for question in held_out]
        self._ids = {row_id: at for at, row_id in enumerate(questions)}
        self._embed = embed
        self._known = [matrix(embed(list(texts.values()))) for texts in (questions, answers)] if embed else []
        self.refused: Counter[str] = Counter()

    def kept(self, row_id: str, made: Sequence[str]) -> list[str]:
        """Those of `made` that may be trained on with the answer of row `row_id`; why not the others is counted."""
        unlike = self._unlike(row_id, made)
        kept = []
        for at, text in enumerate(made):
            grams = _grams(text)
            if hashlib.sha256(text.encode()).hexdigest() in self._by_people.get(row_id, ()):
                self.refused["by_people"] += 1
            elif text in self._asked:
                self.refused["asked_already"] += 1
            elif any(_jaccard(grams, other) >= NEAR for other in self._held_out):
                self.refused["near_held_out"] += 1
            elif unlike[at]:
                self.refused["asks_for_another"] += 1
            else:
                self._asked.add(text)
                kept.append(text)
        return kept

    def nearest(self, row_id: str, count: int) -> list[str]:
        """The ids of the rows whose questions are likest to this row's, the likest first."""
        if not self._known or not count:
            return []
        likeness = self._known[0] @ self._known[0][self._ids[row_id]]
        ids = list(self._ids)
        return [ids[at] for at in np.argsort(-likeness, kind="stable") if ids[at] != row_id][:count]

    def _unlike(self, row_id: str, made: Sequence[str]) -> list[bool]:
        if self._embed is None or not made:
            return [False] * len(made)
        vectors = matrix(self._embed(list(made)))
        likeness = np.maximum(*(vectors @ known.T for known in self._known))  # [made, rows]
        own = likeness[:, self._ids[row_id]]
        # Of questions that are alike ("What is ROT?", "What is RUT?") the nearest decides.
        return [bool(mine < max(LEAST_ALIKE, best)) for mine, best in zip(own, likeness.max(axis=1), strict=True)]


def matrix(vectors: Sequence[Vector | None]) -> Vector:
    """[texts, dimensions]; zeros for a text that could not be read."""
    width = next((len(vector) for vector in vectors if vector is not None), 1)
    return np.stack([np.zeros(width, dtype=np.float32) if vector is None else vector for vector in vectors])


def _plain(text: str) -> str:
    return " ".join(WORD.findall(text.lower()))


def _grams(text: str) -> set[str]:
    plain = _plain(text)
    return {plain[at : at + 3] for at in range(max(1, len(plain) - 2))}


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)
