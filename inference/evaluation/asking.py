"""Asks an engine many prompts and hands out each answer as it ends. Knows nothing of suites and metrics."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic

from inference.contract import Engine, EngineInfo, GenerationRequest, StreamEvent
from inference.evaluation.errors import EngineFailed, Stopped

MAX_ATTEMPTS = 3
# An engine that says nothing for so long is taken for dead; the longest prompt on the slowest machine takes less.
PATIENCE_S = 600.0
POLL_S = 0.5


@dataclass(slots=True)
class Answer:
    """A whole answer. `finish_reason` is stop or length, or the code of the failure of a prompt that no arm can be
    asked (too long for the model), whose text is empty. `duration_ms` is from admission to end."""

    text: str = ""
    token_ids: list[int] = field(default_factory=list)
    finish_reason: str = ""
    duration_ms: float = 0.0


class Asker:
    """Keeps `engine` busy with greedy requests."""

    def __init__(self, engine: Engine, is_stopped: Callable[[], bool]) -> None:
        self._engine = engine
        self._is_stopped = is_stopped
        self._events: queue.SimpleQueue[StreamEvent] = queue.SimpleQueue()
        self.info: EngineInfo = engine.start(self._events.put)

    def answers(self, requests: Iterable[GenerationRequest]) -> Iterator[tuple[str, Answer]]:
        """The answers by their generation_id, in the order in which they end.

        Raises Stopped, and EngineFailed when one failed for another reason than its prompt.
        """
        waiting = deque(requests)
        running: dict[str, GenerationRequest] = {}
        answers: dict[str, Answer] = {}
        attempts: dict[str, int] = {}
        while waiting or running:
            # No more than the engine can take soon, so that a stop loses little.
            while waiting and len(running) < 2 * self.info.max_running:
                request = waiting.popleft()
                running[request.generation_id] = request
                answers[request.generation_id] = Answer()
                attempts[request.generation_id] = attempts.get(request.generation_id, 0) + 1
                self._engine.submit(request)
            event = self._next_event()
            if event.generation_id not in running:
                continue
            answer = answers[event.generation_id]
            if event.kind == "started":
                answer.duration_ms = -1000 * monotonic()
            elif event.kind == "delta":
                answer.text += event.delta
                answer.token_ids += event.token_ids
            else:
                request = running.pop(event.generation_id)
                answer.duration_ms = round(answer.duration_ms + 1000 * monotonic(), 1)
                if event.failure is None:
                    answer.finish_reason = str(event.finish_reason)
                elif event.failure.retryable and attempts[request.generation_id] < MAX_ATTEMPTS:
                    waiting.appendleft(request)
                    continue
                elif event.failure.code.startswith("generation.prompt_"):
                    answer.finish_reason = event.failure.code
                else:
                    raise EngineFailed(event.failure.message)
                yield event.generation_id, answer

    def close(self) -> None:
        self._engine.stop()

    def _next_event(self) -> StreamEvent:
        silent_since = monotonic()
        while monotonic() - silent_since < PATIENCE_S:
            if self._is_stopped():
                raise Stopped
            try:
                return self._events.get(timeout=POLL_S)
            except queue.Empty:
                continue
        raise EngineFailed(f"The engine has said nothing for {PATIENCE_S:.0f} seconds.")
