"""One step of all running replies: a forward over what the scheduler planned, and each one's next token.

Knows nothing of threads, events or text. Whatever a step cannot go on with leaves it with a failure of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.contract import EngineFailure
from inference.serving.adapters import Adapters
from inference.serving.backend import Backend, Indices
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


@dataclass(slots=True)
class Outcome:
    """What became of a step's rows: next tokens, ends, and those whose pages others needed."""

    written: list[tuple[Row, Chosen]] = field(default_factory=list)
    failed: list[tuple[Row, EngineFailure]] = field(default_factory=list)
    preempted: list[Row] = field(default_factory=list)


class Batch:
    """At most `slots` replies over `pages` pages, both reserved in `backend`."""

    def __init__(
        self, backend: Backend, adapters: Adapters, pages: int, slots: int, *, has_guesses: bool = True
    ) -> None:
        self._has_guesses = has_guesses
        self._backend = backend
        self._adapters = adapters
        self.pool = PagePool(pages)
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
            logits, of_guesses = self._forward(parts).tensor_split([len(parts)])
            # amax passes on what is not a number.
            is_sound = torch.isfinite(logits.amax(1)).tolist()
            ready = [i for i, part in enumerate(parts) if part.is_last and is_sound[i]]
            allowed, broken = _allowed([parts[i].row for i in ready])
            ready = [i for i in ready if parts[i].row not in broken]
            chosen = choose(logits[ready], [_sampling_row(parts[i].row, allowed) for i in ready])
            for i, token in zip(ready, chosen, strict=True):
                _append(parts[i].row, token, outcome)
            if outcome.written and len(of_guesses):
                parts = [_confirm(parts[0], of_guesses, outcome)]
        except Exception:
            log.exception("a step of %d generations failed", len(parts))
            outcome.written.clear()
            for part in parts:
                self._fail(part.row, STEP_FAILED, outcome)
            return outcome
        self._scheduler.took(parts, time.monotonic() - began)
        for part, sound in zip(parts, is_sound, strict=True):
            if not sound:
                log.error("generation %s: logits that are not finite", part.row.request.generation_id)
                self._fail(part.row, NOT_FINITE, outcome)
        for row, failure in broken.items():
            self._fail(row, failure, outcome)
        read = sum(part.tokens for part in parts if part.tokens > 1 and not part.guesses)
        self.meter.stepped(read, len(outcome.written))
        return outcome

    def _forward(self, parts: Sequence[Part]) -> Tensor:
        """The logits after the last token of each part: of those that end within a prompt too, because they show at
        once whether what was read is finite. Then those after each guess."""
        guesses = np.array([len(part.guesses) for part in parts])
        tokens = guesses + [part.tokens for part in parts]
        for part in parts:
            self._backend.set_pages(part.row.slot, part.row.pages)

        def each(values: Sequence[int]) -> Indices:
            return np.repeat(np.array(values, dtype=np.int32), tokens)

        rows = [part.row for part in parts]
        ids = [[*p.row.history[p.row.cached : p.row.cached + p.tokens], *p.guesses] for p in parts]
        ends = tokens.cumsum()
        return self._backend.forward(
            np.concatenate(ids).astype(np.int32),
            each([row.slot for row in rows]),
            np.concatenate([row.cached + np.arange(count) for row, count in zip(rows, tokens, strict=True)]).astype(
                np.int32
            ),
            each([self._adapters.index_of(row.adapter) for row in rows]),
            np.concatenate(
                [ends - 1 - guesses, *(np.arange(end - n, end) for end, n in zip(ends, guesses, strict=True))]
            ).astype(np.int32),
        )

    def _fail(self, row: Row, failure: EngineFailure, outcome: Outcome) -> None:
        self._scheduler.remove(row, is_sound=False)
        outcome.failed.append((row, failure))


def _allowed(rows: Sequence[Row]) -> tuple[dict[Row, NDArray[np.bool_]], dict[Row, EngineFailure]]:
    """What the formats of these rows leave, and those whose format turns out to be more than can be kept to."""
    allowed: dict[Row, NDArray[np.bool_]] = {}
    broken: dict[Row, EngineFailure] = {}
    for row in rows:
        if row.matcher:
            try:
                allowed[row] = row.matcher.allowed()
            except FormatError as error:
                log.warning("generation %s: %s", row.request.generation_id, error)
                broken[row] = error.failure
    return allowed, broken


def _append(row: Row, chosen: Chosen, outcome: Outcome) -> None:
    row.history.append(chosen.token_id)
    if row.matcher:
        row.matcher.take(chosen.token_id)
    outcome.written.append((row, chosen))


def _confirm(part: Part, logits: Tensor, outcome: Outcome) -> Part:
    """Go on while what the row itself chooses, by the same logits and draws as without guesses, is what was guessed and
    read: so no text depends on guesses. `logits` are those after each guess. Returns the part with what is now read."""
    row = part.row
    for number, (guess, scores) in enumerate(zip(part.guesses, logits, strict=True)):
        if row.history[-1] != guess or not torch.isfinite(scores.amax()):
            return replace(part, tokens=part.tokens + number)
        sampled = SamplingRow(row.request.sampling, row.history, row.reply.tokens + number + 1)
        _append(row, choose(scores[None], [sampled])[0], outcome)
    return replace(part, tokens=part.tokens + len(part.guesses))


def _sampling_row(row: Row, allowed: Mapping[Row, NDArray[np.bool_]]) -> SamplingRow:
    return SamplingRow(row.request.sampling, row.history, row.reply.tokens, allowed.get(row))
