"""Rows of a snapshot -> token ids. A row that cannot be read stops the run; one that is too long is left out and named.

Knows nothing of losses or of order. Field names are TRL's (https://huggingface.co/docs/trl/dataset_formats),
conversational form.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from inference.chat_template import ChatTemplate, PromptError, Turn
from inference.contract import ChatMessage
from inference.training.failure import TrainingFailure
from inference.training.spec import Ratings

Objective = Literal["sft", "preference", "unpaired", "replay"]
ANSWERS = {"sft": ("completion",), "preference": ("chosen", "rejected"), "unpaired": ("completion",)}
# KTO asks that good and bad answers weigh 1 to 4/3 (arXiv:2402.01306 §4.2, TRL's check); the middle, for APO too.
GOOD_TO_BAD = 1.15


@dataclass(frozen=True, slots=True)
class Row:
    """One row to train on. `turns` are the answer, or for a preference the chosen and the rejected one.

    `reference` holds the base model's log-probability of each turn's answer, in nats, summed over its tokens.
    """

    id: str
    objective: Objective
    turns: tuple[Turn, ...]
    weight: float = 1.0
    label: bool = True
    reference: tuple[float, ...] = ()

    @property
    def tokens(self) -> int:
        return sum(len(turn.token_ids) for turn in self.turns)


@dataclass(frozen=True, slots=True)
class Rows:
    rows: tuple[Row, ...]
    too_long: tuple[str, ...]  # ids of rows whose answer and last message do not fit
    cut_prompts: int  # rows that lost their oldest messages


def read_rows(path: Path, template: ChatTemplate, max_length: int) -> Rows:
    """The rows of one JSONL file. Raises TrainingFailure that names the line and the reason."""
    rows: list[Row] = []
    too_long: list[str] = []
    seen: set[str] = set()
    for number, line in _lines(path):
        try:
            content = json.loads(line)
            row_id, prompt, answers = _parse(content)
            if row_id in seen:
                raise ValueError(f"the id {row_id} occurs twice")
            seen.add(row_id)
            turns = tuple(template.fit_turn(prompt, answer, max_length) for answer in answers)
            rows.append(Row(row_id, content["kind"], turns, _weight(content), content.get("label", True)))
        except PromptError as error:
            if error.failure.code != "generation.prompt_too_long":
                raise _invalid(path, number, error.failure.message) from error
            too_long.append(row_id)
        except (ValueError, RecursionError) as error:
            raise _invalid(path, number, str(error)) from error
    kept = tuple(row for row in rows if row.weight > 0)
    cut = sum(any(turn.dropped_messages for turn in row.turns) for row in kept)
    return Rows(kept, tuple(too_long), cut)


def balanced(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows, with good unpaired answers weighing `GOOD_TO_BAD` of the bad ones, if there are both."""
    good, bad = (
        sum(row.weight for row in rows if row.objective == "unpaired" and row.label is label) for label in (True, False)
    )
    if not good or not bad:
        return rows
    factor = GOOD_TO_BAD * bad / good
    return tuple(
        replace(row, weight=row.weight * factor) if row.objective == "unpaired" and row.label else row for row in rows
    )


def too_few_ratings(rows: tuple[Row, ...], people: int | None, least: Ratings) -> str | None:
    """Why the unpaired rows cannot be learned from, in a sentence; None when they can, or there are none. `people` is
    how many gave them, None when nobody knows."""
    number = sum(row.objective == "unpaired" for row in rows)
    if number and number < least.min_rows:
        return f"There are {number} single ratings, and learning from them begins at {least.min_rows}."
    if number and least.min_people and (people is None or people < least.min_people):
        of = "nobody knows how many" if people is None else str(people)
        return f"The single ratings come from {of} people, and learning from them begins at {least.min_people}."
    return None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        # Lines end at "\n" alone: other separators may stand inside a text.
        with path.open(encoding="utf-8", newline="\n") as file:
            yield from ((number, line) for number, line in enumerate(file, start=1) if line.strip())
    except OSError as error:
        raise TrainingFailure(
            "snapshot.unreadable", f"{path} cannot be read: {error.strerror}.", is_input=True
        ) from error
    except UnicodeDecodeError as error:
        raise TrainingFailure("snapshot.row_invalid", f"{path.name} is not UTF-8 text.", is_input=True) from error


def _parse(row: Any) -> tuple[str, list[ChatMessage], list[str]]:
    if not isinstance(row, dict):
        raise ValueError("a row must be an object")
    if not isinstance(row.get("id"), str) or not row["id"]:
        raise ValueError("id must be text")
    if not isinstance(row.get("kind"), str) or row["kind"] not in ANSWERS:
        raise ValueError("kind must be sft, preference or unpaired")
    if row["kind"] == "unpaired" and not isinstance(row.get("label"), bool):
        raise ValueError("label must be true or false")
    prompt = _messages(row, "prompt")
    if not prompt or prompt[-1].role != "user":
        raise ValueError("prompt must end with a message of the user")
    if any(message.role == "system" for message in prompt[1:]):
        raise ValueError("a system message stands only at the head of prompt")
    answers = []
    for name in ANSWERS[row["kind"]]:
        messages = _messages(row, name)
        if len(messages) != 1 or messages[0].role != "assistant" or not messages[0].text.strip():
            raise ValueError(f"{name} must be one message of the assistant, and not empty")
        answers.append(messages[0].text)
    return row["id"], prompt, answers


def _messages(row: dict[str, Any], name: str) -> list[ChatMessage]:
    content = row.get(name)
    if not isinstance(content, list):
        raise ValueError(f"{name} must be a list of messages")
    for message in content:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            raise ValueError(f"{name}: a message must be an object with content as text")
        if message.get("role") not in ("system", "user", "assistant"):
            raise ValueError(f"{name}: a role must be system, user or assistant")
    return [ChatMessage(message["role"], message["content"]) for message in content]


def _weight(row: dict[str, Any]) -> float:
    weight = row.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight) or weight < 0:
        raise ValueError("weight must be a number that is not negative")
    return float(weight)


def _invalid(path: Path, number: int, reason: str) -> TrainingFailure:
    sentence = f"{path.name}, line {number}: {reason.rstrip('.')}."
    return TrainingFailure("snapshot.row_invalid", sentence, is_input=True)
