"""An embedder without a model, for tests: texts are as alike as the words that they share. Imports no torch."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 512
# Where a real one has MAX_TOKENS; so little that a question, which comes first, decides.
WORDS = 12


class ScriptedEmbedder:
    """`model` is "scripted:" and whatever shall make its vectors those of another embedder."""

    def __init__(self, model: str) -> None:
        self.name = model
        self.sha256 = hashlib.sha256(model.encode()).hexdigest()

    def embed(self, texts: Sequence[str]) -> list[NDArray[np.float32] | None]:
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> NDArray[np.float32] | None:
        words = "".join(c if c.isalnum() and c.isascii() else " " for c in text.casefold()).split()[:WORDS]
        if not words:
            return None
        vector = np.zeros(DIMENSIONS, dtype=np.float32)
        for word in words:
            vector[zlib.crc32(word.encode()) % DIMENSIONS] += 1
        unit: NDArray[np.float32] = vector / np.linalg.norm(vector)
        return unit
