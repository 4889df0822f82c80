"""One step of all running replies: a forward over what the scheduler planned, and each one's next token.

Knows nothing of threads, events or text. Whatever a step cannot go on with leaves it with a failure of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inference.contract import EngineFailure, SamplingParams
from inference.serving.adapters import Adapters
from inference.serving.backend import Backend
from inference.serving.metrics import Meter
from inference.serving.output_format import FormatError
from inference.serving.pages import PagePool
from inference.serving.row import Row
from inference.serving.sampling import Chosen, SamplingRow, choose
from inference.serving.scheduler import Part, Scheduler

log = logging.getLogger(__name__)

STEP_FAILED = EngineFailure("engine.step_failed", "The model failed while writing. Try again.", retryable=True)
NOT_FINITE = EngineFailure(
    "engine.not_finite",
    "The model computed something that is not a number, so the reply could not go on.",
    retryable=False,
)
# What ends within a prompt has its logits looked at too: they show at once whether what was read is finite.
LOOKED_AT = SamplingRow(SamplingParams(seed=0, temperature=0.0), [], 0)


@dataclass(slots=True)
class Outcome:
    """What became of a step's rows: next tokens, ends, and those whose pages others needed."""

    written: list[tuple[Row, Chosen]] = field(default_factory=list)
    failed: list[tuple[Row, EngineFailure]] = field(default_factory=list)
    preempted: list[Row] = field(default_factory=list)


class Batch:
    """At most `slots` replies over the pages of `pool`, all reserved in `backend`."""

    def __init__(
        self, backend: Backend, adapters: Adapters, pool: PagePool, slots: int, *, has_guesses: bool = True
    ) -> None:
        self._has_guesses = has_guesses
        self._backend = backend
        self._adapters = adapters
        self.pool = pool
        self._scheduler = Scheduler(self.pool, slots, backend.page_tokens)
        self.meter = Meter()

    @property
    def rows(self) -> Sequence[Row]:
        return self._scheduler.rows

    @property
    def has_room(self) -> bool:
        return self._scheduler.has_room

    def add(self, row: Row) -> bool:
        """Begin to read `row`. False when there are not the pages for it now."""
        is_added = self._scheduler.add(row)
        if is_added:
            self.meter.admitted(row.cached)
        return is_added

    def remove(self, row: Row) -> None:
        """Its pages are free from now on."""
        self._scheduler.remove(row)

    def step(self) -> Outcome:
        parts, preempted = self._scheduler.plan()
        outcome = Outcome(preempted=preempted)
        self.meter.preempted(len(preempted))
        if not parts:
            return outcome
        if self._has_guesses and len(parts) == 1:
            parts = [self._scheduler.with_guesses(parts[0])]
        try:
            began = time.monotonic()
            computed = self._forward(parts)
            likeliest = self._backend.likeliest
            logits, of_guesses = computed[: len(parts)], computed[len(parts) :]
            broken = _allow(parts)
            rows = [part.row.sampling if part.is_last and part.row not in broken else LOOKED_AT for part in parts]
            chosen = choose(logits, rows, likeliest and likeliest[: len(parts)])
            for part, row, token in zip(parts, rows, chosen, strict=True):
                if token and row is not LOOKED_AT:
                    _append(part.row, token, outcome)
            if outcome.written and len(of_guesses):
                parts = [_confirm(parts[0], of_guesses, likeliest and likeliest[len(parts) :], outcome)]
        except Exception:
            log.exception("a step of %d generations failed", len(parts))
            outcome.written.clear()
            for part in parts:
                self._fail(part.row, STEP_FAILED, outcome)
            return outcome
        self._scheduler.took(parts, time.monotonic() - began)
        for part, token in zip(parts, chosen, strict=True):
            if not token:
                log.error("generation %s: logits that are not finite", part.row.request.generation_id)
                self._fail(part.row, NOT_FINITE, outcome)
            elif part.row in broken:
                self._fail(part.row, broken[part.row], outcome)
        read = sum(part.tokens for part in parts if part.tokens > 1 and not part.guesses)
        self.meter.stepped(read, [row for row, _ in outcome.written])
        return outcome

    def _forward(self, parts: Sequence[Part]) -> Any:
        """The logits after the last token of each part, then those after each guess."""
        ids: list[int] = []
        slots: list[int] = []
        positions: list[int] = []
        adapters: list[int] = []
        ends: list[int] = []
        guessed: list[int] = []
        for part in parts:
            row, begin = part.row, part.row.cached
            if row.told < len(row.pages):
                self._backend.set_pages(row.slot, row.pages)
                row.told = len(row.pages)
            ids += row.sampling.history[begin : begin + part.tokens]
            ends.append(len(ids) - 1)
            ids += part.guesses
            guessed += range(ends[-1] + 1, len(ids))
            tokens = part.tokens + len(part.guesses)
            slots += [row.slot] * tokens
            positions += range(begin, begin + tokens)
            adapters += [self._adapters.index_of(row.adapter)] * tokens
        arrays = (np.array(each, dtype=np.int32) for each in (ids, slots, positions, adapters, ends + guessed))
        return self._backend.forward(*arrays)

    def _fail(self, row: Row, failure: EngineFailure, outcome: Outcome) -> None:
        self._scheduler.remove(row, is_sound=False)
        outcome.failed.append((row, failure))


def _allow(parts: Sequence[Part]) -> dict[Row, EngineFailure]:
    """Say what formats leave to rows whose next token is chosen. Returns those whose format turns out to be more than
    can be kept to."""
    broken: dict[Row, EngineFailure] = {}
    for part in parts:
        row = part.row
        if row.matcher and part.is_last:
            try:
                row.sampling.allowed = row.matcher.allowed()
            except FormatError as error:
                log.warning("generation %s: %s", row.request.generation_id, error)
                broken[row] = error.failure
    return broken


def _append(row: Row, chosen: Chosen, outcome: Outcome) -> None:
    row.sampling.append(chosen.token_id)
    if row.matcher:
        row.matcher.take(chosen.token_id)
    outcome.written.append((row, chosen))


def _confirm(part: Part, logits: Any, likeliest: Sequence[int] | None, outcome: Outcome) -> Part:
    """Go on while what the row itself chooses, by the same logits and draws as without guesses, is what was guessed and
    read: so no text depends on guesses. `logits` are those after each guess, `likeliest` what is so in
    them. Returns the part with what is now read."""
    row = part.row
    for number, guess in enumerate(part.guesses):
        if row.history[-1] != guess:
            return Part(row, part.tokens + number, is_last=True)
        after = slice(number, number + 1)
        token = choose(logits[after], [row.sampling], likeliest and likeliest[after])[0]
        if not token:
            return Part(row, part.tokens + number, is_last=True)
        _append(row, token, outcome)
    return Part(row, part.tokens + len(part.guesses), is_last=True)
