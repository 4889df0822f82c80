"""Which passages may answer a question: words and vectors of all of them in memory, compared with each question.

Compared one by one, 100,000 passages take some tens of milliseconds (docs/decisions/0011-approved-answers.md). Knows
nothing of databases, nor of who may read what.
"""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from inference.contract import IndexedPassage, PassageMatch

Vector = NDArray[np.float32]
Scalar = TypeVar("Scalar", bound=np.generic)

# How much words count beside vectors: docs/decisions/0011-approved-answers.md has what was tried.
WORDS_SHARE = 0.1
# So many of the best by vectors, and of the best by words, are compared in full.
SHORTLIST = 50
SMALLEST = 64  # rows


def terms_of(words: str) -> frozenset[str]:
    """What is compared: the words, and of scripts without spaces, where each character is a word, pairs as well."""
    found = words.split()
    pairs = (a + b for a, b in pairwise(found) if _is_character(a) and _is_character(b))
    return frozenset([*found, *pairs])


def _is_character(word: str) -> bool:
    return len(word) == 1 and not word.isascii()


class PassageIndex:
    """Rows are only added; those of removed passages are dead until half of all are."""

    def __init__(self, words_share: float = WORDS_SHARE) -> None:
        self._words_share = words_share
        self._begin()

    def _begin(self) -> None:
        self._rows: dict[str, int] = {}
        self._passages: list[IndexedPassage] = []  # without their vectors, which stand below
        self._question_terms: list[frozenset[str]] = []
        self._postings: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
        self._vectors: Vector = np.zeros((SMALLEST, 0), dtype=np.float32)
        self._has_vector = np.zeros(SMALLEST, dtype=bool)
        self._is_alive = np.zeros(SMALLEST, dtype=bool)

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, passages: Sequence[IndexedPassage]) -> None:
        self.remove([passage.id for passage in passages])
        for passage in passages:
            self._add(passage)

    def remove(self, ids: Collection[str]) -> None:
        for id_ in ids:
            row = self._rows.pop(id_, None)
            if row is not None:
                self._is_alive[row] = False
        if len(self._passages) > SMALLEST and len(self._rows) < len(self._passages) / 2:
            alive = [self._whole(row) for row in self._rows.values()]
            self._begin()
            for passage in alive:
                self._add(passage)

    def find(self, words: str, vector: Vector | None, limit: int) -> list[PassageMatch]:
        """The best matches, best first."""
        if not self._rows:
            return []
        count = len(self._passages)
        terms = terms_of(words)
        shared = self._shared(terms, count)
        candidates = set(_best(shared, SHORTLIST))
        likeness = None
        if vector is not None and self._vectors.shape[1] == len(vector):
            likeness = self._vectors[:count] @ vector
            usable = np.where(self._is_alive[:count] & self._has_vector[:count], likeness, 0.0)
            candidates |= set(_best(usable, SHORTLIST))
        weight = sum(map(self._weight, terms))
        matches = []
        for row in candidates:
            score = self._likeness_in_words(row, terms, weight, float(shared[row]))
            if likeness is not None and self._has_vector[row]:
                score = self._words_share * score + (1 - self._words_share) * max(0.0, float(likeness[row]))
            passage = self._passages[row]
            matches.append(PassageMatch(passage.id, 1.0 if passage.question == words else min(score, 0.999)))
        return sorted(matches, key=lambda match: -match.score)[:limit]

    def _add(self, passage: IndexedPassage) -> None:
        row = len(self._passages)
        vector = np.frombuffer(passage.vector, dtype="<f4")
        self._make_room(row + 1, len(vector))
        self._rows[passage.id] = row
        self._passages.append(replace(passage, vector=b""))
        self._question_terms.append(terms_of(passage.question))
        for term in self._question_terms[row] | terms_of(passage.answer):
            self._postings[term].append(row)
        self._is_alive[row] = True
        if len(vector) == self._vectors.shape[1] and len(vector):
            self._vectors[row] = vector
            self._has_vector[row] = True

    def _whole(self, row: int) -> IndexedPassage:
        vector = self._vectors[row].astype("<f4").tobytes() if self._has_vector[row] else b""
        return replace(self._passages[row], vector=vector)

    def _make_room(self, rows: int, dimensions: int) -> None:
        if dimensions and not self._vectors.shape[1]:
            self._vectors = np.zeros((len(self._is_alive), dimensions), dtype=np.float32)
        if rows > len(self._is_alive):
            self._vectors = _grown(self._vectors)
            self._has_vector = _grown(self._has_vector)
            self._is_alive = _grown(self._is_alive)

    def _weight(self, term: str) -> float:
        """The rarer a word, the more it says (inverse document frequency)."""
        return math.log(1 + len(self._passages) / (len(self._postings.get(term, ())) + 0.5))

    def _shared(self, terms: Collection[str], count: int) -> NDArray[np.float64]:
        """For each row the weight of the question's words that stand in its question or answer."""
        shared = np.zeros(count)
        for term in terms:
            if rows := self._postings.get(term):
                shared[np.frombuffer(rows, dtype=np.uint32)] += self._weight(term)
        shared[~self._is_alive[:count]] = 0.0
        return shared

    def _likeness_in_words(self, row: int, terms: Collection[str], weight: float, shared: float) -> float:
        """The mean of two shares: of both questions' words those that they have in common (Dice), and of the asked
        question's words those that the passage has anywhere."""
        question = self._question_terms[row]
        total = weight + sum(map(self._weight, question))
        if not total or not weight:
            return 0.0
        common = sum(self._weight(term) for term in question.intersection(terms))
        return (2 * common / total + shared / weight) / 2


def _best(scores: NDArray[np.float64], limit: int) -> list[int]:
    """The rows of the highest scores above zero."""
    limit = min(limit, len(scores))
    rows = np.argpartition(-scores, limit - 1)[:limit]
    return [int(row) for row in rows if scores[row] > 0]


def _grown(values: NDArray[Scalar]) -> NDArray[Scalar]:
    return np.concatenate([values, np.zeros_like(values)])
