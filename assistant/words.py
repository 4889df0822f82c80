"""What a word is, for finding: one rule for what is stored and what is asked, in every script and on every database."""

from __future__ import annotations

import re
import unicodedata

# Scripts that are written without spaces: each character is a word, so that a run of them is found anywhere in another.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff"  # Hangul, which decomposition has taken to its letters
    "\u3005-\u3007\u3040-\u312f\u31f0-\u31ff"  # kana, bopomofo
    "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"  # Han
)
_INVISIBLE = re.compile("[\u034f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# PostgreSQL takes words of 2,046 bytes and a megabyte of them for one text.
_LONGEST_WORD = 500
_LONGEST_TEXT = 200_000


def folded(text: str) -> str:
    """The text with its words in their plainest form and a space, or several, in the place of all between them."""
    return text.translate(FOLDING)


def normalised(text: str) -> str:
    """The words of a text with one space between them; what a search compares."""
    return " ".join(word[:_LONGEST_WORD] for word in folded(text[:_LONGEST_TEXT]).split())[:_LONGEST_TEXT].strip()


class _Folding(dict[int, str]):
    """Code point -> what stands for it; filled as characters are met."""

    def __missing__(self, codepoint: int) -> str:
        decomposed = unicodedata.normalize("NFKD", chr(codepoint)).casefold()
        self[codepoint] = "".join(map(_plain, unicodedata.normalize("NFKD", decomposed)))
        return self[codepoint]


FOLDING = _Folding()


def _plain(character: str) -> str:
    if unicodedata.combining(character) or _INVISIBLE.match(character):
        return ""
    match unicodedata.category(character):
        case "Lu" | "Ll" | "Lt" | "Lm" | "Lo" | "Mn" | "Mc" | "Nd" | "Nl" | "No":
            return f" {character} " if _UNSPACED.match(character) else character
        case "So":  # an emoji, for example
            return f" {character} "
        case "Cf" if character != "\u200b":
            return ""
        case _:
            return " "
