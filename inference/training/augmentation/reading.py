"""Rows that teach to use what was found: the question with approved answers before it, right and wrong ones.

In most of them the right one is among the found, at any place; in the others it is not, and the answer is to say so.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Said where nothing that was found answers the question.
NOTHING_FITS = "I have no approved answer to that, so I would rather not guess. Please ask our staff."
NOTHING_FITS_SHARE = 0.2

Found = tuple[str, str]  # the question and the answer of an approved answer
Render = Callable[[str, Sequence[Found]], str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the user's message becomes, and the answer to it."""

    text: str
    answer: str
    fits: bool


def reading_row(
    question: str, right: Found, wrong: Sequence[Found], places: int, render: Render, draw: random.Random
) -> Reading:
    """`wrong` are the nearest other approved answers, the likest first; `places` passages are shown at most."""
    fits = not wrong or draw.random() >= NOTHING_FITS_SHARE
    shown = list(wrong[: places - fits])
    if fits:
        shown.insert(draw.randint(0, len(shown)), right)
    return Reading(render(question, shown), right[1] if fits else NOTHING_FITS, fits)


def rendered(question: str, found: Sequence[Found]) -> str:
    """The user's message as it is served when approved answers were found: they stand before the question."""
    blocks = [f"Question: {asked}\nAnswer: {answer}" for asked, answer in found]
    return "\n\n".join(["Approved answers:", *blocks, f"Use them if they answer this: {question}"])
