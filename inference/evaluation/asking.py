"""Asks an engine many prompts and hands out each answer as it ends. Knows nothing of suites and metrics."""

from __future__ import annotations

import queue
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from time import monotonic

from inference.contract import Engine, EngineInfo, GenerationRequest, StreamEvent
from inference.evaluation.errors import EngineFailed
from inference.interruption import Interruption, Stopped

MAX_ATTEMPTS = 3
# An engine that says nothing for so long is taken for dead; the longest prompt on the slowest machine takes less.
PATIENCE_S = 600.0
POLL_S = 0.5


@dataclass(slots=True)
class Answer:
    """A whole answer. `finish_reason` is stop or length, or the code of the failure of a prompt that no arm can be
    asked (too long for the model), whose text is empty. `duration_ms` is from admission to end, without pauses."""

    text: str = ""
    token_ids: list[int] = field(default_factory=list)
    finish_reason: str = ""
    duration_ms: float = 0.0


class Asker:
    """Keeps `engine` busy with requests, and lets it rest while people wait for theirs."""

    def __init__(self, engine: Engine, interruption: Interruption) -> None:
        self._engine = engine
        self._interruption = interruption
        self._events: queue.SimpleQueue[StreamEvent] = queue.SimpleQueue()
        self._heard_at = 0.0
        self.info: EngineInfo = engine.start(self._events.put)

    def answers(self, requests: Iterable[GenerationRequest]) -> Iterator[tuple[str, Answer]]:
        """The answers by their generation_id, in the order in which they end.

        Raises Stopped, and EngineFailed when one failed for another reason than its prompt.
        """
        waiting = deque(requests)
        running: dict[str, GenerationRequest] = {}
        answers: dict[str, Answer] = {}
        attempts: Counter[str] = Counter()
        self._heard_at = monotonic()
        while waiting or running:
            is_paused = self._interruption.is_paused
            if is_paused and not running:
                self._interruption.yield_to_others()
                self._heard_at = monotonic()
                continue
            for name in running if is_paused else ():
                self._engine.cancel(name)
            # No more than the engine can take soon, so that a stop loses little.
            while waiting and not is_paused and len(running) < 2 * self.info.max_running:
                request = waiting.popleft()
                running[request.generation_id] = request
                answer = answers.setdefault(request.generation_id, Answer())
                # One that was interrupted goes on after what it has written, as a reply does whose worker died.
                written = (*request.prefix_token_ids, *answer.token_ids)
                self._engine.submit(replace(request, prefix_token_ids=written))
            event = self._next_event()
            if event is None or event.generation_id not in running:
                continue
            answer = answers[event.generation_id]
            if event.kind == "started":
                answer.duration_ms -= 1000 * monotonic()
            elif event.kind == "delta":
                answer.text += event.delta
                answer.token_ids += event.token_ids
            else:
                request = running.pop(event.generation_id)
                answer.duration_ms = round(answer.duration_ms + 1000 * monotonic(), 1)
                if event.finish_reason == "cancelled":
                    waiting.appendleft(request)
                    continue
                if event.failure is None:
                    answer.finish_reason = str(event.finish_reason)
                elif event.failure.retryable and attempts[request.generation_id] + 1 < MAX_ATTEMPTS:
                    attempts[request.generation_id] += 1
                    del answers[request.generation_id]
                    waiting.appendleft(request)
                    continue
                elif event.failure.code.startswith("generation.prompt_"):
                    answer.finish_reason = event.failure.code
                else:
                    raise EngineFailed(event.failure.message)
                yield event.generation_id, answer

    def close(self) -> None:
        self._engine.stop()

    def _next_event(self) -> StreamEvent | None:
        """None when there was none for a while."""
        if self._interruption.is_asked_to_stop:
            raise Stopped
        try:
            event = self._events.get(timeout=POLL_S)
        except queue.Empty:
            if monotonic() - self._heard_at > PATIENCE_S:
                raise EngineFailed(f"The engine has said nothing for {PATIENCE_S:.0f} seconds.") from None
            return None
        self._heard_at = monotonic()
        return event
