"""The test split of a dataset snapshot, and the proof that nothing of it was trained on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.contract import ChatMessage
from inference.evaluation.errors import InputError
from inference.evaluation.metrics import words
from inference.evaluation.suites import Item, Suite, messages_of

NAME = "held_out"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers of which people chose one."""

    id: str
    prompt: tuple[ChatMessage, ...]
    group: str
    chosen: str
    rejected: str


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The test split: corrections as a suite with golds, and preferences. Unpaired ratings have no place in a test:
    they were given to answers of another adapter."""

    suite: Suite
    pairs: tuple[Pair, ...]


def read(snapshot: Path, max_tokens: int) -> HeldOut:
    """Read the test split of the folder `snapshot`. Raises InputError (`snapshot.invalid`, `snapshot.no_test`)."""
    items, pairs = [], []
    path = snapshot / "test.jsonl"
    for row in rows_of(path):
        try:
            prompt, group = messages_of(row["prompt"]), str(row["group"])
            if row["kind"] == "sft":
                gold = _text(row["completion"])
                items.append(Item(str(row["id"]), prompt, group, gold=gold))
            elif row["kind"] == "preference":
                pairs.append(Pair(str(row["id"]), prompt, group, _text(row["chosen"]), _text(row["rejected"])))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError("snapshot.invalid", f"{path} has a row that cannot be read: {error!r}.") from error
    if not items:
        raise InputError("snapshot.no_test", f"{path} has no corrections that the adapters could be held against.")
    suite = Suite(
        name=NAME,
        version=1,
        role="benefit",
        metric="gold",
        rule={},
        licence="",
        max_tokens=max_tokens,
        items=tuple(items),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    return HeldOut(suite, tuple(pairs))


def refuse_leaks(test: Path, training: Path, further: Iterable[Suite] = ()) -> None:
    """Raise InputError (`gate.leak`) when a group or a question of the test split of `test`, or a question of a suite
    in `further`, was trained on, or chose the checkpoint, in the snapshot `training`. The rows themselves are compared,
    not what a manifest says of them."""
    tested = {_group_sha256(row) for row in rows_of(test / "test.jsonl")}
    asked = {_question(row) for row in rows_of(test / "test.jsonl")}
    asked |= {_words_of(item.prompt) for suite in further for item in suite.items}
    for split in ("train", "dev"):
        for row in rows_of(training / f"{split}.jsonl"):
            if _group_sha256(row) in tested or _question(row) in asked:
                raise InputError(
                    "gate.leak",
                    f"The adapter has seen what it would be tested on: row {row.get('id')} of {split}.jsonl belongs to "
                    "the test split or is asked by a suite. Train on a snapshot without it.",
                )


def _group_sha256(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(str(row.get("group")).encode()).hexdigest()


def _question(row: Mapping[str, Any]) -> str:
    """The whole prompt as words: the same question in another conversation is another prompt."""
    try:
        prompt = messages_of(row["prompt"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("snapshot.invalid", f"A row of the snapshot cannot be read: {error!r}.") from error
    return _words_of(prompt)


def _words_of(prompt: Iterable[ChatMessage]) -> str:
    return "\n".join(f"{message.role} {' '.join(words(message.text))}" for message in prompt)


def _text(messages: list[Mapping[str, str]]) -> str:
    if len(messages) != 1 or messages[0]["role"] != "assistant" or not messages[0]["content"]:
        raise ValueError("an answer must be one message of the assistant")
    return messages[0]["content"]


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of one file of a snapshot. Raises InputError (`snapshot.invalid`)."""
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise ValueError("a row must be an object")
                    yield row
    except (OSError, ValueError) as error:
        raise InputError("snapshot.invalid", f"{path} cannot be read: {error}.") from error
