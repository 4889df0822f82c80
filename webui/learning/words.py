"""Where two answers differ, word by word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

# A sign of a script that puts no spaces between words is a word; so is a run of spaces.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+|\s+|[^\w\s]")
# Beyond, a comparison would take seconds for a picture that nobody reads.
MAX_WORDS = 2000


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    is_marked: bool


def marked(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces; marked is what the other has not at this place."""
    ours, theirs = _WORD.findall(one), _WORD.findall(other)
    if len(ours) > MAX_WORDS or len(theirs) > MAX_WORDS:
        return [Piece(one, False)], [Piece(other, False)]
    left: list[Piece] = []
    right: list[Piece] = []
    for tag, a, b, c, d in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if b > a:
            left.append(Piece("".join(ours[a:b]), tag != "equal"))
        if d > c:
            right.append(Piece("".join(theirs[c:d]), tag != "equal"))
    return left, right
