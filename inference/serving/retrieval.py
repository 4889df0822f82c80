"""Finds the passages that answer a question: an embedder and an index together. Knows nothing of who asks."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from importlib import import_module
from typing import Any

from inference.contract import EmbedderInfo, IndexedPassage, PassageMatch
from inference.serving.passage_index import PassageIndex

log = logging.getLogger(__name__)

OFF = "off"
# More than an embedder reads.
ANSWER_CHARS = 1500


class LocalRetriever:
    """See contract.Retriever."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._embedder: Any = None
        self._index = PassageIndex()

    def start(self) -> EmbedderInfo:
        if self._model == OFF:
            return EmbedderInfo(OFF)
        began = time.monotonic()
        try:
            self._embedder = _embedder(self._model)
            self._embedder.embed(["What is it good for to read this before anybody waits for it?"])
        except (OSError, ValueError) as error:
            log.warning("approved answers are found by their words alone: the embedder cannot be used: %s", error)
            return EmbedderInfo(OFF)
        log.info("the embedder %s is ready after %.1f s", self._embedder.name, time.monotonic() - began)
        return EmbedderInfo(self._embedder.name, self._embedder.sha256)

    def embed(self, passages: Sequence[tuple[str, str]]) -> list[bytes]:
        """Of question and answer together: alone, a short question is like many that are about something else."""
        if self._embedder is None:
            return [b""] * len(passages)
        texts = [f"{question} {answer[:ANSWER_CHARS]}" for question, answer in passages]
        return [b"" if vector is None else vector.astype("<f4").tobytes() for vector in self._embedder.embed(texts)]

    def put(self, passages: Sequence[IndexedPassage]) -> None:
        self._index.put(passages)

    def remove(self, ids: Collection[str]) -> None:
        self._index.remove(ids)

    def find(self, question: str, words: str, limit: int) -> list[PassageMatch]:
        if not len(self._index):
            return []
        vector = self._embedder.embed([question])[0] if self._embedder else None
        return self._index.find(words, vector, limit)


def _embedder(model: str) -> Any:
    """Loaded when it is needed, for one of the two brings torch along."""
    if model.startswith("scripted:"):
        return import_module("inference.serving.scripted_embedder").ScriptedEmbedder(model)
    return import_module("inference.serving.embedding").Embedder(model)
