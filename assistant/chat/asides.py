"""Answers that nobody waits for, written while nobody waits for others: one at a time, and given up when people come.

Whose questions these are and what becomes of the answers is the source's business.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol
from uuid import UUID

from inference.contract import Engine, EngineInfo, GenerationRequest, StreamEvent


class Source(Protocol):
    """Called by the runner's thread alone, in which all of a worker's database work happens."""

    def next(self, worker_id: UUID, engine: EngineInfo) -> GenerationRequest | None:
        """Claim what is to be asked next."""
        ...

    def end(self, text: str, ending: StreamEvent) -> None:
        """Take in the answer to what was claimed last, or why there is none."""
        ...

    def give_back(self) -> None:
        """What was claimed last is for another time, or another worker."""
        ...


class Asides:
    def __init__(self, source: Source, engine: Engine) -> None:
        self._source = source
        self._engine = engine
        self._asked = ""  # the id of what is being written
        self._events: deque[StreamEvent] = deque()

    def take(self, event: StreamEvent) -> bool:
        """Whether an event belongs here; from the engine's thread."""
        if event.generation_id != self._asked:
            return False
        self._events.append(event)
        return True

    def round(self, worker_id: UUID, engine: EngineInfo, *, are_people_here: bool) -> None:
        """Go on with what is being written, or begin the next."""
        if not self._asked:
            if not are_people_here and (request := self._source.next(worker_id, engine)):
                self._events.clear()
                self._asked = request.generation_id
                self._engine.submit(request)
            return
        events = list(self._events)
        ending = next((event for event in events if event.kind in ("finished", "failed")), None)
        if ending is None:
            if are_people_here:
                self._engine.cancel(self._asked)
            return
        if ending.finish_reason == "cancelled":
            self._source.give_back()
        else:
            self._source.end("".join(event.delta for event in events), ending)
        self._asked = ""  # last: a round that the database refuses is run again

    def hand_back(self) -> None:
        if self._asked:
            self._source.give_back()
