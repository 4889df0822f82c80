"""Hears what an engine says, and waits for it without guessing how long it takes."""

from __future__ import annotations

import itertools
import threading

from inference.contract import (
    AdapterRef,
    ChatMessage,
    Engine,
    EngineInfo,
    GenerationRequest,
    OutputFormat,
    SamplingParams,
    StreamEvent,
)

PATIENCE_S = 60
_numbers = itertools.count()


def ask(
    text: str = "How are you?",
    *,
    prefix: tuple[int, ...] = (),
    said: str = "",
    adapter: AdapterRef | None = None,
    messages: tuple[ChatMessage, ...] = (),
    seed: int = 1,
    temperature: float = 0.0,
    max_tokens: int = 24,
    stop: tuple[str, ...] = (),
    format: OutputFormat | None = None,
) -> GenerationRequest:
    sampling = SamplingParams(seed=seed, temperature=temperature, max_tokens=max_tokens, stop=stop, format=format)
    messages = messages or (ChatMessage("user", text),)
    return GenerationRequest(f"generation-{next(_numbers)}", messages, sampling, adapter, prefix, said)


class Listener:
    """Starts `engine` and keeps every event in the order in which it was said."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.events: list[StreamEvent] = []
        self._heard = threading.Condition()
        self.info: EngineInfo = engine.start(self._hear)

    def _hear(self, event: StreamEvent) -> None:
        with self._heard:
            self.events.append(event)
            self._heard.notify_all()

    def of(self, request: GenerationRequest) -> list[StreamEvent]:
        return [event for event in self.events if event.generation_id == request.generation_id]

    def wait_for(self, request: GenerationRequest, deltas: int) -> None:
        """Until `request` has said so many deltas."""
        with self._heard:
            assert self._heard.wait_for(lambda: len(_deltas(self.of(request))) >= deltas, PATIENCE_S)

    def run(self, *requests: GenerationRequest) -> list[list[StreamEvent]]:
        """Submit all at once and return each one's events when all have ended."""
        for request in requests:
            self.engine.submit(request)
        return [self.end_of(request) for request in requests]

    def end_of(self, request: GenerationRequest) -> list[StreamEvent]:
        with self._heard:
            ended = self._heard.wait_for(lambda: bool(ends(self.of(request))), PATIENCE_S)
        assert ended, f"{request.generation_id} did not end"
        return self.of(request)


def ends(events: list[StreamEvent]) -> list[StreamEvent]:
    return [event for event in events if event.kind in ("finished", "failed")]


def _deltas(events: list[StreamEvent]) -> list[StreamEvent]:
    return [event for event in events if event.kind == "delta"]


def text_of(events: list[StreamEvent]) -> str:
    return "".join(event.delta for event in events)


def ids_of(events: list[StreamEvent]) -> tuple[int, ...]:
    return tuple(token_id for event in events for token_id in event.token_ids)
