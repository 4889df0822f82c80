"""Which rows make which step: a pure function of the rows, the seed and the epoch, so that a run can go on anywhere."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from inference.training.rows import Row
from inference.training.spec import TrainingSpec


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Rows that are computed together, and what each one's loss counts in the loss of its step."""

    rows: tuple[Row, ...]
    coefficients: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Step:
    epoch: int
    micro_batches: tuple[MicroBatch, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    steps: tuple[Step, ...]
    steps_per_epoch: int
    checks: frozenset[int]  # after so many steps the dev rows are measured

    @property
    def tokens(self) -> int:
        return sum(row.tokens for step in self.steps for batch in step.micro_batches for row in batch.rows)


def make_plan(rows: Sequence[Row], replay: Sequence[Row], spec: TrainingSpec) -> Plan:
    """All steps of the run. Each epoch has every row once, and its share of the replay rows in turn."""
    replayed = replay_rows_per_epoch(len(rows), spec) if replay else 0
    per_epoch = math.ceil((len(rows) + replayed) / spec.batch.rows)
    around = _shuffled(replay, spec.seed, "replay")
    steps: list[Step] = []
    for epoch in range(spec.epochs):
        chosen = [around[i % len(around)] for i in range(epoch * replayed, (epoch + 1) * replayed)]
        steps += _epoch([*rows, *chosen], epoch, per_epoch, spec)
    interval = per_epoch / spec.stopping.checks_per_epoch
    checks = {round(i * interval) for i in range(spec.epochs * spec.stopping.checks_per_epoch + 1)}
    return Plan(tuple(steps), per_epoch, frozenset(checks))


def replay_rows_per_epoch(rows: int, spec: TrainingSpec) -> int:
    return round(rows * spec.replay.share / (1 - spec.replay.share)) if spec.objectives.replay else 0


def _epoch(rows: Sequence[Row], epoch: int, steps: int, spec: TrainingSpec) -> list[Step]:
    """Deal the rows of each objective evenly over the steps, so that every step is made up like the whole."""
    dealt: list[list[Row]] = [[] for _ in range(steps)]
    coefficients: dict[str, float] = {}
    position = 0
    for objective in ("sft", "preference", "unpaired", "replay"):
        of_objective = [row for row in rows if row.objective == objective]
        for row in _shuffled(of_objective, spec.seed, f"epoch {epoch}"):
            dealt[position % steps].append(row)
            position += 1
        if of_objective:
            coefficients[objective] = getattr(spec.objectives, objective) / _weight_per_step(of_objective, steps)
    return [
        Step(
            epoch,
            tuple(
                MicroBatch(tuple(batch), tuple(coefficients[row.objective] * row.weight for row in batch))
                for batch in _pack(of_step, spec.batch.tokens)
            ),
        )
        for of_step in dealt
    ]


def _weight_per_step(rows: Sequence[Row], steps: int) -> float:
    """What an objective's losses are divided by: the sum of its weights that a step has on average.

    Dividing by the step's own sum would cancel the weight of a row that is alone in its step; and where there are
    fewer rows than steps, one row counts as much as one, not more.
    """
    total = sum(row.weight for row in rows)
    return max(total / steps, total / len(rows))


def _pack(rows: Sequence[Row], tokens: int) -> list[list[Row]]:
    """Divide `rows` into micro-batches of at most `tokens` tokens; a longer row has one to itself. Longest first."""
    batches: list[list[Row]] = []
    room: list[int] = []
    for row in sorted(rows, key=lambda row: -row.tokens):
        fits = next((at for at, left in enumerate(room) if row.tokens <= left), None)
        if fits is None:
            batches.append([row])
            room.append(tokens - row.tokens)
        else:
            batches[fits].append(row)
            room[fits] -= row.tokens
    return batches


def _shuffled(rows: Sequence[Row], seed: int, what: str) -> list[Row]:
    return sorted(rows, key=lambda row: hashlib.sha256(f"{seed}\0{what}\0{row.id}".encode()).digest())
