"""Token ids -> text that can be shown at once. Knows nothing of how the ids were chosen.

Held back are half characters and what may be the beginning of a stop string. The text of a reply depends on its ids
alone, never on when they came: that is what lets another worker continue it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from inference.serving.stop_strings import StopStrings

# What a decoder writes for bytes that are not, or not yet, a character.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# A byte like others to a model; PostgreSQL refuses a text with it, and a page leaves it out.
NUL = "\0"


class Detokenizer:
    """The text of one reply, without special tokens, cut before the first stop string."""

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._stream = DecodeStream(skip_special_tokens=True)
        self._stop_strings = StopStrings(stop)
        self._ids: list[int] = []
        self._decoded = 0

    @property
    def is_stopped(self) -> bool:
        return self._stop_strings.is_stopped

    def push(self, token_id: int) -> str:
        """Take the next id; returns the text that it lets out, perhaps none."""
        self._ids.append(token_id)
        text = self._stream.step(self._tokenizer, token_id) or ""
        self._decoded += len(text)
        return self._stop_strings.push(text.replace(NUL, REPLACEMENT))

    def flush(self) -> str:
        """What is still held back at the end of a reply. Half a character at its very end becomes nothing."""
        whole = self._tokenizer.decode(self._ids, skip_special_tokens=True).rstrip(REPLACEMENT)
        return self._stop_strings.push(whole[self._decoded :].replace(NUL, REPLACEMENT)) + self._stop_strings.flush()
