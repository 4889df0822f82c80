"""One reply as its token ids determine it: the text that may be shown, and whether and why it has ended.

Knows nothing of models and batches. Ids that a person has seen already are taken silently with the same call.
"""

from __future__ import annotations

from inference.contract import FinishReason, SamplingParams
from inference.serving.detokenizer import Detokenizer, TokenTexts


class Reply:
    """`end_ids` are the ids with which the model says that it has finished."""

    __slots__ = ("_detokenizer", "_end_ids", "_max_tokens", "ended", "tokens")

    def __init__(self, texts: TokenTexts, sampling: SamplingParams, end_ids: frozenset[int]) -> None:
        self._detokenizer = Detokenizer(texts, sampling.stop)
        self._max_tokens = sampling.max_tokens
        self._end_ids = end_ids
        self.tokens = 0
        self.ended: FinishReason | None = None

    def take(self, token_id: int) -> str:
        """Take the next id; returns the text to show with it. Sets `ended` when nothing may follow."""
        self.tokens += 1
        if token_id in self._end_ids:
            self.ended = "stop"
            return self._detokenizer.flush()
        text = self._detokenizer.push(token_id)
        if self._detokenizer.is_stopped:
            self.ended = "stop"
        elif self.tokens >= self._max_tokens:
            self.ended = "length"
            text += self._detokenizer.flush()
        return text
