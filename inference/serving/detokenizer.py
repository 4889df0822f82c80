"""Token ids -> text that can be shown at once. Knows nothing of how the ids were chosen.

Held back are half characters and what may be the beginning of a stop string. The text of a reply depends on its ids
alone, never on when they came: that is what lets another worker continue it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel, DecodeStream

from inference.serving.stop_strings import StopStrings

# What a decoder writes for bytes that are not, or not yet, a character.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# A byte like others to a model; PostgreSQL refuses a text with it, and a page leaves it out.
NUL = "\0"


class TokenTexts(dict[int, str]):
    """What each token of `tokenizer` says wherever it stands, "" where that depends on the tokens around it.

    Bytes say the same everywhere, so with byte-level tokens that are whole characters nothing needs to be decoded. They
    are found when they are asked for first.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._is_of_bytes = isinstance(tokenizer.decoder, ByteLevel)

    def __missing__(self, token_id: int) -> str:
        text = self.tokenizer.decode([token_id], skip_special_tokens=True) if self._is_of_bytes else ""
        self[token_id] = text = "" if REPLACEMENT in text or NUL in text else text
        return text


class Detokenizer:
    """The text of one reply, without special tokens, cut before the first stop string."""

    __slots__ = ("_decoded", "_ids", "_is_within", "_stop_strings", "_stream", "_texts")

    def __init__(self, texts: TokenTexts, stop: Sequence[str] = ()) -> None:
        self._texts = texts
        self._stream = DecodeStream(skip_special_tokens=True)
        self._stop_strings = StopStrings(stop)
        self._ids: list[int] = []
        self._decoded = 0
        self._is_within = False  # whether the stream may hold half a character

    @property
    def is_stopped(self) -> bool:
        return self._stop_strings.is_stopped

    def push(self, token_id: int) -> str:
        """Take the next id; returns the text that it lets out, perhaps none."""
        self._ids.append(token_id)
        text = "" if self._is_within else self._texts[token_id]
        if not text:
            text = (self._stream.step(self._texts.tokenizer, token_id) or "").replace(NUL, REPLACEMENT)
            self._is_within = not text
        self._decoded += len(text)
        return self._stop_strings.push(text)

    def flush(self) -> str:
        """What is still held back at the end of a reply. Half a character at its very end becomes nothing."""
        whole = self._texts.tokenizer.decode(self._ids, skip_special_tokens=True).rstrip(REPLACEMENT)
        return self._stop_strings.push(whole[self._decoded :].replace(NUL, REPLACEMENT)) + self._stop_strings.flush()
