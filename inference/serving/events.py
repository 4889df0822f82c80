"""What an engine says of its requests: each begins once and ends once, whatever became of it."""

from __future__ import annotations

import logging

from inference.contract import (
    Emit,
    EngineFailure,
    FinishReason,
    GenerationRequest,
    PromptInfo,
    StreamEvent,
    TokenLogprobs,
)

log = logging.getLogger(__name__)


class Events:
    """Hands events to `emit`, whose errors end nothing, until it is closed."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.is_closed = False

    def started(self, request: GenerationRequest, prompt: PromptInfo | None) -> None:
        self._send(StreamEvent("started", request.generation_id, prompt=prompt))

    def delta(self, request: GenerationRequest, token_id: int, text: str, logprobs: tuple[TokenLogprobs, ...]) -> None:
        self._send(StreamEvent("delta", request.generation_id, (token_id,), text, logprobs=logprobs))

    def finished(self, request: GenerationRequest, reason: FinishReason) -> None:
        self._send(StreamEvent("finished", request.generation_id, finish_reason=reason))

    def failed(self, request: GenerationRequest, failure: EngineFailure) -> None:
        self._send(StreamEvent("failed", request.generation_id, failure=failure))

    def refused(self, request: GenerationRequest, failure: EngineFailure) -> None:
        """It never began to be read."""
        self.started(request, None)
        self.failed(request, failure)

    def _send(self, event: StreamEvent) -> None:
        if self.is_closed:
            return
        try:
            self._emit(event)
        except Exception:
            log.exception("an event of generation %s was refused", event.generation_id)
