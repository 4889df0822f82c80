"""Suites: fixed sets of prompts in files of JSON lines, frozen by their hash. Knows nothing of models.

The first line says what the suite is; each further one is an item. A suite that is changed is another suite.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from inference.contract import ChatMessage, Role
from inference.evaluation.errors import InputError
from inference.evaluation.rules import FORMAT_RULES

FOLDER = Path(__file__).parent / "suites"
# How items are judged; see scoring.py.
Metric = Literal["sound", "refuses", "answers", "format", "flip", "swap", "drift", "gold", "label", "memory"]
# hard: a loss fails the candidate. benefit: what the held-out corrections are. report: decides nothing.
SuiteRole = Literal["benefit", "hard", "report"]
# Metrics whose items pass or not, so that a hard suite needs a rule.
PASSING = {"sound", "refuses", "answers", "format", "flip", "label", "memory"}
PAIRED = {"flip": ("neutral", "leading"), "swap": ("a", "b")}
# What a rule may say: at most so many items failed, or newly failed, or so many more lost than won.
RULES = {"failures", "new_failures", "net_loss"}
MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Item:
    """One prompt. `group` is its cluster; items of a pair share it and differ in `variant`."""

    id: str
    prompt: tuple[ChatMessage, ...]
    group: str
    slice: str = ""
    variant: str = ""
    gold: str = ""  # the right answer, or the right label
    name: str = ""  # swap: what stands for the person
    right: tuple[str, ...] = ()  # flip: phrases of which a right answer has one; memory: passages not to be said
    begun: str = ""  # memory: the beginning of the answer, with which the adapter goes on
    wanted: Mapping[str, Any] = field(default_factory=dict)  # format, refuses: see rules.FORMAT_RULES


@dataclass(frozen=True, slots=True)
class Suite:
    """A header and its items. `rule` holds one of RULES or nothing, `sha256` is of the file's bytes."""

    name: str
    version: int
    role: SuiteRole
    metric: Metric
    rule: Mapping[str, int]
    licence: str
    max_tokens: int
    items: tuple[Item, ...]
    sha256: str


def load(name_or_path: str) -> Suite:
    """A shipped suite by its name, or one of the operator's by its path. Raises InputError (`suite.invalid`)."""
    path = FOLDER / f"{name_or_path}.jsonl"
    if not path.is_file():
        path = Path(name_or_path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"is larger than {MAX_BYTES >> 20} MiB")
        content = path.read_bytes()
        header, *items = [json.loads(line) for line in content.decode().splitlines() if line.strip()]
        return _suite(header, items, hashlib.sha256(content).hexdigest())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("suite.invalid", f"The suite {name_or_path} cannot be used: {error!r}.") from error


def under(system_message: str, prompt: tuple[ChatMessage, ...]) -> tuple[ChatMessage, ...]:
    """`prompt` with `system_message` at its head, unless it has one or there is none."""
    has_one = not system_message or prompt[0].role == "system"
    return prompt if has_one else (ChatMessage("system", system_message), *prompt)


def messages_of(rows: list[Mapping[str, str]]) -> tuple[ChatMessage, ...]:
    """Messages as the files write them. Raises ValueError unless the last one is a person's."""
    if not rows or rows[-1]["role"] != "user" or any(row["role"] not in get_args(Role) for row in rows):
        raise ValueError("a prompt must be messages of system, user and assistant that end with a user's")
    return tuple(ChatMessage(row["role"], str(row["content"])) for row in rows)  # type: ignore[arg-type]  # checked above


def _suite(header: Mapping[str, Any], rows: list[Mapping[str, Any]], sha256: str) -> Suite:
    for key, allowed in (("metric", get_args(Metric)), ("role", get_args(SuiteRole))):
        if header[key] not in allowed:
            raise ValueError(f"its {key} is {header[key]!r} and not one of {', '.join(allowed)}")
    rule = header.get("rule", {})
    if rule.keys() - RULES or len(rule) > 1 or not all(isinstance(value, int) for value in rule.values()):
        raise ValueError(f"its rule may hold one number, for {' or '.join(sorted(RULES))}")
    if (header["role"], bool(rule)) == ("hard", False) and header["metric"] in PASSING:
        raise ValueError("a hard suite of this metric needs a rule")
    items = tuple(_item(row, header["metric"]) for row in rows)
    if not items or len({item.id for item in items}) < len(items):
        raise ValueError("it needs items, and their ids must differ")
    if header["metric"] in PAIRED:
        _check_pairs(items, PAIRED[header["metric"]])
    return Suite(
        name=str(header["suite"]),
        version=int(header["version"]),
        role=header["role"],
        metric=header["metric"],
        rule=dict(rule),
        licence=str(header["licence"]),
        max_tokens=int(header["max_tokens"]),
        items=items,
        sha256=sha256,
    )


def _item(row: Mapping[str, Any], metric: str) -> Item:
    wanted = row.get("wanted", {})
    if wanted.keys() - FORMAT_RULES.keys() or (metric == "format" and not wanted):
        raise ValueError(f"item {row['id']} must name rules of {', '.join(FORMAT_RULES)}")
    for needed in {"gold": ["gold"], "label": ["gold"], "flip": ["right", "pair"], "swap": ["name", "pair"]}.get(
        metric, []
    ):
        if not row.get(needed):
            raise ValueError(f"item {row['id']} lacks {needed}")
    return Item(
        id=str(row["id"]),
        prompt=messages_of(row["prompt"]),
        group=str(row.get("pair") or row.get("group") or row["id"]),
        slice=str(row.get("slice", "")),
        variant=str(row.get("variant", "")),
        gold=str(row.get("gold", "")),
        name=str(row.get("name", "")),
        right=tuple(row.get("right", ())),
        wanted=wanted,
    )


def _check_pairs(items: tuple[Item, ...], variants: tuple[str, str]) -> None:
    found: dict[str, list[str]] = {}
    for item in items:
        found.setdefault(item.group, []).append(item.variant)
    for group, names in found.items():
        if sorted(names) != sorted(variants):
            raise ValueError(f"pair {group} must have one item each of {' and '.join(variants)}")
