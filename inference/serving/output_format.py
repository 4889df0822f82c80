"""Keeps a reply to a format: which tokens may come next so that the whole text becomes JSON of a schema, or matches a
regular expression. Knows nothing of requests and logits.

By llguidance, which walks the tokenizer's trie with an Earley parser over derivatives of regular expressions, so that
nothing is computed in advance for each state. Formats come from outside: each piece of work on one is bounded.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer, regex_to_lark
from llguidance.hf import from_tokenizer
from numpy.typing import NDArray

from inference.contract import EngineFailure, OutputFormat

# About 20 ms to build a lexer, and 7 and 1 ms for one token (the package says: 50, 14 and 20 thousand to a ms); a
# lexer of at most some 40 MB. Schemas of every day need a hundredth.
LIMITS = LLParserLimits(
    initial_lexer_fuel=1_000_000,
    step_lexer_fuel=100_000,
    step_max_items=20_000,
    max_lexer_states=20_000,
    max_grammar_size=100_000,
    verbose_errors=False,
)
# As json.dumps writes. Where whitespace is free, small models write nothing else.
JSON_STYLE: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
SAID_CHARS = 200


class FormatError(Exception):
    """A format cannot be kept; `failure` says why."""

    def __init__(self, said: str) -> None:
        lines = said.splitlines() or [""]
        reason = next((line for line in lines if line.startswith("error: ")), lines[0]).removeprefix("error: ")
        # A single word is a name of the package's own, for a state in which nothing can be written.
        reason = reason[:SAID_CHARS].rstrip(".:") if " " in reason else "no text can be written that is of it"
        message = f"The reply's format cannot be kept: {reason}."
        super().__init__(message)
        self.failure = EngineFailure("generation.format_invalid", message, retryable=False)


class Matcher:
    """Where one reply stands in its format."""

    def __init__(self, matcher: LLMatcher, vocabulary: int) -> None:
        self._matcher = matcher
        self._vocabulary = vocabulary

    def allowed(self) -> NDArray[np.bool_]:
        """Whether each token may come next [vocabulary]; end tokens where the text may end. Raises FormatError."""
        mask = self._matcher.compute_bitmask()
        if self._matcher.is_error():
            raise FormatError(self._matcher.get_error())
        bits = np.unpackbits(np.frombuffer(mask, np.uint8), bitorder="little")
        allowed = np.zeros(self._vocabulary, dtype=np.bool_)
        allowed[: bits.size] = bits[: self._vocabulary]
        return allowed

    def take(self, token_id: int) -> None:
        """Go on after this token; `allowed` raises from then on if it was not."""
        self._matcher.consume_token(token_id)


class FormatCompiler:
    """Makes matchers for one tokenizer and logits of `vocabulary` tokens; `end_ids` end a reply."""

    def __init__(self, tokenizer: Any, vocabulary: int, end_ids: Collection[int]) -> None:
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._end_ids = sorted(end_ids)
        self._trie: LLTokenizer | None = None
        self._lock = threading.Lock()

    def compile(self, format_: OutputFormat) -> Matcher:
        """Takes milliseconds, the first time a second, from any thread. Raises FormatError."""
        with self._lock:
            # Made when it is first asked for: most never ask, and it takes some 35 MB.
            if self._trie is None:
                size = max(len(self._tokenizer), self._vocabulary)
                self._trie = from_tokenizer(self._tokenizer, n_vocab=size, eos_token=self._end_ids)
        try:
            grammar = _grammar(format_)
        except ValueError as error:
            raise FormatError(str(error)) from error
        matcher = LLMatcher(self._trie, grammar, log_level=0, limits=LIMITS)
        if matcher.is_error():
            raise FormatError(matcher.get_error())
        return Matcher(matcher, self._vocabulary)


def _grammar(format_: OutputFormat) -> str:
    if format_.kind == "regex":
        # \\d is 0 to 9, as in JSON schemas: nobody who asks for a date means the digits of all scripts.
        return LLMatcher.grammar_from_lark(f"start: /{regex_to_lark(format_.text, 'd')}/")
    return LLMatcher.grammar_from_json_schema(format_.text, overrides=JSON_STYLE)
