"""One reply that a server writes: cuts it at stop strings, counts it, and keeps what was shown before as it was."""

from __future__ import annotations

from collections.abc import Iterator

from inference.contract import FinishReason, GenerationRequest, StreamEvent
from inference.serving.stop_strings import StopStrings
from inference.serving.upstream_wire import NOT_RESUMABLE, UNAVAILABLE, Body, Chunk, UpstreamError


class UpstreamReply:
    """`take` and `end` give the events that follow."""

    def __init__(self, request: GenerationRequest) -> None:
        self.request = request
        self.is_announced = False
        self.body: Body | None = None  # as it was sent last
        self.prompt_tokens = 0
        self.reason: FinishReason = "length"
        self._count = len(request.prefix_token_ids)
        self.is_over = self._count >= request.sampling.max_tokens
        self._stop_strings = StopStrings(request.sampling.stop)
        # What an earlier attempt held back and showed at its end is not said once more.
        self._shown_already = len(request.prefix_text) - len(self._stop_strings.push(request.prefix_text))
        self._completion_tokens = 0
        self._known = ""  # what is still to be said again before anything is new
        self._goes_on = False
        self._has_usage = False

    def follow(self, *, goes_on: bool) -> None:
        """A stream begins: with what is new if it `goes_on`, else with the reply's beginning."""
        self._goes_on = goes_on
        self._known = "" if goes_on else self.request.prefix_text

    @property
    def waits_for_usage(self) -> bool:
        """Whether what comes after the reply's end is worth reading. After a stop string of ours nothing is: the server
        goes on writing."""
        asked = self.body is not None and "usage" not in self.body.given_up
        return asked and not self._has_usage and not self._stop_strings.is_stopped

    def take(self, chunk: Chunk) -> Iterator[StreamEvent]:
        """Raises UpstreamError where the server fails, or says something else than before."""
        if chunk.error:
            raise UpstreamError(UNAVAILABLE, f"it said: {chunk.error}")
        if chunk.completion_tokens:
            self._has_usage = True
            self._completion_tokens, self.prompt_tokens = chunk.completion_tokens, chunk.prompt_tokens
        if self.is_over:
            return
        if new := self._unknown(chunk.text):
            if self._count >= self.request.sampling.max_tokens:
                self.is_over = True  # a server that knows no limit
                return
            yield self._delta(self._unshown(self._stop_strings.push(new)))
            if self._stop_strings.is_stopped:
                self.is_over, self.reason = True, "stop"
        if chunk.finish_reason and not self.is_over:
            self.is_over, self.reason = True, chunk.finish_reason

    def end(self) -> Iterator[StreamEvent]:
        """What was held back, and numbers for tokens that came with others in one piece. Raises UpstreamError when the
        stream has ended before the reply."""
        if not self.is_over:
            raise UpstreamError(UNAVAILABLE, "the stream ended before the reply")
        if self._known:
            raise UpstreamError(NOT_RESUMABLE, "the reply that was written again is shorter")
        if held := self._unshown(self._stop_strings.flush()):
            yield StreamEvent("delta", self.request.generation_id, (), held)
        before = len(self.request.prefix_token_ids) if self._goes_on else 0
        if uncounted := range(self._count, min(before + self._completion_tokens, self.request.sampling.max_tokens)):
            yield StreamEvent("delta", self.request.generation_id, tuple(uncounted))

    def _unknown(self, text: str) -> str:
        """What of `text` comes after all that was shown before."""
        if not self._known:
            return text
        if not text.startswith(self._known[: len(text)]):
            raise UpstreamError(NOT_RESUMABLE, "the reply that was written again is another")
        text, self._known = text[len(self._known) :], self._known[len(text) :]
        return text

    def _unshown(self, text: str) -> str:
        count = min(self._shown_already, len(text))
        self._shown_already -= count
        return text[count:]

    def _delta(self, text: str) -> StreamEvent:
        self._count += 1
        return StreamEvent("delta", self.request.generation_id, (self._count - 1,), text)
