"""Puts it together: rows of a snapshot in, rows made of them out, the same ones for the same seed.

Made are rows of the training split alone, and each names its origin and has its group: what is held out stays so.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference.training.augmentation.filtering import Embed, Filter, Refused
from inference.training.augmentation.near_words import NearWords
from inference.training.augmentation.reading import Found, reading_of, rendered
from inference.training.augmentation.wording import wordings
from inference.training.spec import Augmentation

Content = dict[str, Any]
# (id, question, answer) -> questions that the base model wrote, by id
Write = Callable[[Sequence[tuple[str, str, str]]], Mapping[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Made:
    """`counts`: rows by the way they were made, and `refused` questions by the reason."""

    rows: tuple[Content, ...]
    counts: dict[str, int]
    refused: dict[str, int]


def augment(
    train: Sequence[Content],
    held_out: Sequence[Content],
    wanted: Augmentation,
    seed: int,
    *,
    write: Write | None,
    embed: Embed | None,
    near: NearWords | None = None,
    refused: Refused | None = None,
) -> Made:
    """Rows made of those of `train` that hold one question and its answer. Without `write` the model writes none, and
    without `near` no word is replaced by another."""
    origins = {row["id"]: row for row in train if _is_single_answer(row)}
    questions = {row_id: row["prompt"][-1]["content"] for row_id, row in origins.items()}
    answers = {row_id: row["completion"][0]["content"] for row_id, row in origins.items()}
    if not origins:
        return Made((), {}, {})
    asked_elsewhere = [turn["content"] for row in held_out for turn in _asked(row)]
    kept = Filter(questions, answers, asked_elsewhere, embed, refused or {})
    cases = [(row_id, questions[row_id], answers[row_id]) for row_id in origins]
    written = write(cases) if write and wanted.written else {}
    rows: list[Content] = []
    for row_id, question, answer in cases:
        draw = random.Random(hashlib.sha256(f"{seed}\0{row_id}".encode()).digest())  # noqa: S311  # nosec B311  # no secret
        made = {
            "wording": wordings(question, answer, wanted.wordings, draw),
            "near_words": near.questions(question, answer, wanted.near_words, draw) if near else [],
            "written": list(written.get(row_id, ())),
        }
        others = [question]
        for how, texts in made.items():
            for text in kept.kept(row_id, texts):
                others.append(text)
                rows.append(_row(origins[row_id], f"{row_id}~{len(others) - 1}", how, text, answer, wanted.weight))
        if draw.random() < wanted.reading:
            wrong = [(questions[other], answers[other]) for other in kept.nearest(row_id, wanted.passages)]
            reading = reading_of((question, answer), wrong, wanted.passages, draw)
            how = "reading" if reading.fits else "nothing_fits"
            row = _row(origins[row_id], f"{row_id}~r", how, draw.choice(others), reading.answer, wanted.weight)
            rows.append({**row, "prompt": _with_found(row["prompt"], reading.shown)})
    counts = Counter(row["augmented"] for row in rows)
    return Made(tuple(rows), dict(sorted(counts.items())), dict(sorted(kept.refused.items())))


def _is_single_answer(row: Content) -> bool:
    """What is asked in the middle of a conversation means something else alone."""
    return row["kind"] == "sft" and len(_asked(row)) == 1 and all(turn["role"] != "assistant" for turn in row["prompt"])


def _asked(row: Content) -> list[dict[str, str]]:
    return [turn for turn in row["prompt"] if turn["role"] == "user"]


def _with_found(prompt: list[dict[str, str]], shown: Sequence[Found]) -> list[dict[str, str]]:
    """What was found stands in the system message, as it is served."""
    system = prompt[0]["content"] if prompt[0]["role"] == "system" else ""
    others = prompt[1:] if prompt[0]["role"] == "system" else prompt
    return [{"role": "system", "content": rendered(system, shown)}, *others]


def _row(origin: Content, row_id: str, how: str, question: str, answer: str, weight: float) -> Content:
    return {
        **origin,
        "id": row_id,
        "origin": origin["id"],
        "augmented": how,
        "prompt": [*origin["prompt"][:-1], {"role": "user", "content": question}],
        "completion": [{"role": "assistant", "content": answer}],
        "weight": origin.get("weight", 1.0) * weight,
    }
