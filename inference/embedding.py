"""Texts -> vectors whose cosine says how alike their meanings are. Knows nothing of passages.

As sentence-transformers does for all-MiniLM-L6-v2: the mean over a text's tokens, then length 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from inference import model_files, pretrained

Vector = NDArray[np.float32]

MAX_TOKENS = 256
BATCH = 16
# A tokenizer that spells a text, about a character to a token, comes from a model that was not taught its language:
# such vectors of two Chinese sentences are alike whatever they say. English has 4 characters to a token.
LEAST_CHARACTERS_PER_TOKEN = 1.5


class Embedder:
    """An encoder that transformers loads, on the CPU: a question is read there in milliseconds, and the accelerator is
    the engine's. Raises OSError or ValueError with a sentence."""

    def __init__(self, model: str) -> None:
        folder = pretrained.local_folder(model)
        self.name = Path(model).name if Path(model).is_dir() else model
        self.sha256 = model_files.base_model_sha256(folder)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._network: Any = AutoModel.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        ).eval()

    def embed(self, texts: Sequence[str]) -> list[Vector | None]:
        """A vector for each text; None for what this model was not taught to read."""
        readable = [at for at, text in enumerate(texts) if self._reads(text)]
        vectors: list[Vector | None] = [None] * len(texts)
        # Texts of one length together: padding costs as much as words.
        readable.sort(key=lambda at: len(texts[at]))
        for begin in range(0, len(readable), BATCH):
            places = readable[begin : begin + BATCH]
            for at, vector in zip(places, self._forward([texts[at] for at in places]).numpy(), strict=True):
                vectors[at] = vector
        return vectors

    def words(self, count: int) -> list[str]:
        """The first words of its vocabulary, at most `count`: small letters alone, without those parts of words that
        are marked as such. Vocabularies begin with what is most frequent."""
        vocabulary: dict[str, int] = self._tokenizer.get_vocab()
        # Where a space is part of a token, only such tokens begin a word.
        begins = next((mark for mark in ("Ġ", "▁") if any(token.startswith(mark) for token in vocabulary)), "")
        ordered = sorted(vocabulary, key=vocabulary.__getitem__)
        words = (token.removeprefix(begins) for token in ordered if token.startswith(begins))
        return [word for word in words if len(word) > 2 and word.isalpha() and word.islower()][:count]

    def _reads(self, text: str) -> bool:
        tokens = len(self._tokenizer.tokenize(text[:1000]))
        return len("".join(text[:1000].split())) >= LEAST_CHARACTERS_PER_TOKEN * tokens > 0

    @torch.inference_mode()
    def _forward(self, texts: list[str]) -> torch.Tensor:
        """[texts, dimensions]"""
        read = self._tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        states = self._network(**read).last_hidden_state
        mask = read["attention_mask"].unsqueeze(-1)
        means = (states * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.normalize(means, dim=1)
