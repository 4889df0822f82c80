"""Rows that teach to use what was found: the question with approved answers before it, right and wrong ones.

In most of them the right one is among the found, at any place; in the others it is not, and the answer is to say so.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

# Said where nothing that was found answers the question.
NOTHING_FITS = "I have no approved answer to that, so I would rather not guess. Please ask our staff."
NOTHING_FITS_SHARE = 0.2

HEAD = "Approved answers to similar questions:"
FOOT = "If one of them answers the question, answer with what it says. If none does, do not use them."

Found = tuple[str, str]  # the question and the answer of an approved answer


@dataclass(frozen=True, slots=True)
class Reading:
    """What is shown before the question, and the answer to it."""

    shown: tuple[Found, ...]
    answer: str
    fits: bool


def reading_of(right: Found, wrong: Sequence[Found], places: int, draw: random.Random) -> Reading:
    """`wrong` are the nearest other approved answers, the likest first; `places` passages are shown at most."""
    fits = not wrong or draw.random() >= NOTHING_FITS_SHARE
    shown = list(wrong[: places - fits])
    if fits:
        shown.insert(draw.randint(0, len(shown)), right)
    return Reading(tuple(shown), right[1] if fits else NOTHING_FITS, fits)


def rendered(system: str, found: Sequence[Found]) -> str:
    """The system message as it is served when approved answers were found (assistant/knowledge/context.py, whose very
    text this is; a test holds the two together)."""
    shown = [f"Question: {question}\nAnswer: {answer}" for question, answer in found]
    return "\n\n".join([system, HEAD, *shown, FOOT])
