"""The place of a text where a search found something, cut from the text as it was written."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from assistant.chat.search_query import Phrase
from assistant.words import FOLDING, folded

BEFORE, LENGTH = 40, 200
# How far a cut may move to fall between words.
LEEWAY = 24


@dataclass(frozen=True, slots=True)
class Part:
    text: str
    is_match: bool


def snippet(text: str, phrases: tuple[Phrase, ...]) -> list[Part]:
    """The surroundings of the first match, or the beginning when nothing is to be marked."""
    matches = _matches(text, phrases) if phrases else iter(())
    match = next(matches, None)
    begin, end = _window(text, match[0] if match else 0)
    parts, at = [Part("…", False)] if begin else [], begin
    while match and match[0] < end:
        parts += [Part(text[at : match[0]], False), Part(text[match[0] : min(match[1], end)], True)]
        at = min(match[1], end)
        match = next(matches, None)
    parts += [Part(text[at:end], False), Part("…" if end < len(text) else "", False)]
    return [part for part in parts if part.text]


def _window(text: str, anchor: int) -> tuple[int, int]:
    """From a little before `anchor`; both cuts between words, where the script has spaces."""
    if len(text) <= LENGTH:
        return 0, len(text)
    begin = max(0, anchor - BEFORE)
    if begin and (space := re.search(r"\s", text[begin : min(begin + LEEWAY, anchor)])):
        begin += space.end()
    end = min(len(text), begin + LENGTH)
    if end < len(text) and (last := re.search(r"\s\S*\Z", text[end - LEEWAY : end])):
        end += last.start() - LEEWAY
    return begin, end


def _matches(text: str, phrases: tuple[Phrase, ...]) -> Iterator[tuple[int, int]]:
    """Where the text says any of the phrases: found in its folded form, then counted back to the characters it was
    folded from, since one may have become several ("ß"), or none (an accent of its own)."""
    pattern = "|".join(" +".join(phrase.words) + ("" if phrase.is_open else "(?= |$)") for phrase in phrases)
    ends = list(accumulate(len(FOLDING[ord(character)]) for character in text))
    for found in re.finditer(f"(?:(?<= )|^)(?:{pattern})", folded(text)):
        start, end = found.span()
        # Accents that follow the last character belong to it.
        yield bisect_right(ends, start), max(bisect_left(ends, end) + 1, bisect_right(ends, end))
