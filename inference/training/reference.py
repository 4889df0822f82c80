"""What the base model gives the answers that are compared: computed once, before there is an adapter, and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inference.chat_template import Turn
from inference.training import durable
from inference.training.packing import answer_log_probabilities, pack
from inference.training.rows import Row


def with_reference(
    network: Any, rows: Sequence[Row], tokens: int, path: Path, tick: Callable[[int, int], None]
) -> list[Row]:
    """The rows, those that are compared with their reference; `path` keeps it for the same rows."""
    compared = [row for row in rows if row.objective in ("preference", "unpaired")]
    key = hashlib.sha256(repr([(row.id, row.turns) for row in compared]).encode()).hexdigest()
    sums = _read(path, key)
    if sums is None:
        turns = [turn for row in compared for turn in row.turns]
        done = measure(network, turns, tokens, tick)
        sums = [float(logps.sum()) for logps in done]
        durable.write_file(path, json.dumps({"key": key, "sums": sums}).encode())
    values = iter(sums)
    return [
        replace(row, reference=tuple(next(values) for _ in row.turns))
        if row.objective in ("preference", "unpaired")
        else row
        for row in rows
    ]


@torch.no_grad()
def measure(network: Any, turns: Sequence[Turn], tokens: int, tick: Callable[[int, int], None]) -> list[Tensor]:
    """The log-probabilities of each answer's tokens, in the order of `turns`, at most `tokens` tokens at a time."""
    done: dict[int, Tensor] = {}
    for batch in _by_length(turns, tokens):
        tick(len(done), len(turns))
        packed = pack([turns[i] for i in batch], network.device)
        done.update(zip(batch, answer_log_probabilities(network, packed), strict=True))
    return [done[i] for i in range(len(turns))]


def _by_length(turns: Sequence[Turn], tokens: int) -> Iterator[list[int]]:
    batch: list[int] = []
    used = 0
    for i in sorted(range(len(turns)), key=lambda i: len(turns[i].token_ids)):
        length = len(turns[i].token_ids)
        if batch and used + length > tokens:
            yield batch
            batch, used = [], 0
        batch.append(i)
        used += length
    if batch:
        yield batch


def _read(path: Path, key: str) -> list[float] | None:
    if not path.exists():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    sums: list[float] = content["sums"]
    return sums if content["key"] == key else None
