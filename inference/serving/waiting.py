"""Requests that wait to be written, in an order that is fair to people. Knows nothing of pages and models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from inference.contract import GenerationRequest
from inference.serving.output_format import Matcher
from inference.serving.row import Row


@dataclass(eq=False, slots=True)
class Waiting:
    """`number` is the order in which requests came; `matcher` is there once its format has been compiled. `row` is
    there once the request has been read; it `is_begun` when it has already been announced and had to give up its
    pages."""

    request: GenerationRequest
    number: int
    asked_at: float
    row: Row | None = None
    matcher: Matcher | None = None

    @property
    def is_begun(self) -> bool:
        return self.row is not None and self.row.is_begun


class WaitingLine:
    """First those that were begun; then whoever of those with the fewest running replies came first."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def requests(self) -> list[GenerationRequest]:
        return [waiting.request for waiting in self._waiting]

    def add(self, waiting: Waiting) -> None:
        self._waiting.append(waiting)

    def first(self, running: Collection[Row]) -> Waiting | None:
        """Whose turn is next while `running` are written."""
        busy = Counter(row.request.owner for row in running)
        return min(self._waiting, key=lambda w: (not w.is_begun, busy[w.request.owner], w.number), default=None)

    def remove(self, waiting: Waiting) -> None:
        self._waiting.remove(waiting)

    def take_out(self, generation_id: str) -> list[Waiting]:
        """Those of this generation, which wait no longer."""
        taken = [waiting for waiting in self._waiting if waiting.request.generation_id == generation_id]
        self._waiting = [waiting for waiting in self._waiting if waiting not in taken]
        return taken
