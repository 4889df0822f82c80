"""Token ids -> text that can be shown at once. Knows nothing of how the ids were chosen.

Held back are half characters and what may be the beginning of a stop string. The text of a reply depends on its ids
alone, never on when they came: that is what lets another worker continue it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

# What a decoder writes for bytes that are not, or not yet, a character.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Detokenizer:
    """The text of one reply, cut before the first stop string (the one that is complete first)."""

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._stop = stop
        self._stream = DecodeStream(skip_special_tokens=True)
        self._ids: list[int] = []
        self._decoded = 0
        self._held = ""
        self.is_stopped = False

    def push(self, token_id: int) -> str:
        """Take the next id; returns the text that it lets out, perhaps none. Sets `is_stopped` at a stop string."""
        self._ids.append(token_id)
        text = self._stream.step(self._tokenizer, token_id)
        return self._release(text) if text else ""

    def flush(self) -> str:
        """What is still held back at the end of a reply. Half a character at its very end becomes nothing."""
        whole = self._tokenizer.decode(self._ids, skip_special_tokens=True).rstrip(REPLACEMENT)
        shown = self._release(whole[self._decoded :])
        return shown if self.is_stopped else shown + self._held

    def _release(self, text: str) -> str:
        if self.is_stopped:
            return ""
        self._decoded += len(text)
        self._held += text
        found = [(self._held.find(s) + len(s), -len(s)) for s in self._stop if s in self._held]
        if found:
            end, length = min(found)
            self.is_stopped = True
            return self._held[: end + length]
        keep = max((_overlap(self._held, s) for s in self._stop), default=0)
        shown = self._held[: len(self._held) - keep]
        self._held = self._held[len(shown) :]
        return shown


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` with which `stop` begins."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
