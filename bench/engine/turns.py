"""Whose turn it is: in each round everybody once, and each round somebody else begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bench.engine.prompts import Prompts

Values = dict[str, float]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run was told. `folder` keeps what is made once."""

    model: Path
    folder: Path
    threads: int
    rounds: int
    tokens: int
    prompts: Prompts


@dataclass(frozen=True, slots=True)
class Turn:
    """What is measured once a round. `measure` is given the round's number; raises RuntimeError or ValueError with a
    sentence when there is no figure."""

    name: str
    measure: Callable[[int], Values]


Group = Sequence[Turn]
"""Turns that are held against one another: they follow upon one another within a round."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Groups that need the same things loaded. `prepare` loads them, and is told whom it cannot load and why."""

    name: str
    prepare: Callable[[Setting, Callable[[str, str], None]], AbstractContextManager[Sequence[Group]]]
    max_rounds: int = 1_000


def in_order(group: Group, round_number: int) -> list[Turn]:
    begin = round_number % len(group)
    return [*group[begin:], *group[:begin]]
