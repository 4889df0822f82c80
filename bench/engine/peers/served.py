"""The product's engine in this process: requests in, events out, with everything between."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.engine.peers import PeerUnavailable
from bench.engine.replies import Prompt, Reply
from inference.contract import EngineConfig, EngineMetrics, GenerationRequest, SamplingParams, StreamEvent
from inference.serving.engine import TransformersEngine

PATIENCE_S = 120.0
NEVER = -100.0  # what is added to the logits of tokens that would end a reply


@dataclass
class Written:
    """What has come of one request; times by time.perf_counter."""

    asked_at: float
    on_event: Callable[[StreamEvent], None]
    deltas: list[tuple[float, StreamEvent]] = field(default_factory=list)
    has_begun: threading.Event = field(default_factory=threading.Event)
    has_ended: threading.Event = field(default_factory=threading.Event)

    def take(self, event: StreamEvent) -> None:
        """Called by the engine's thread."""
        self.on_event(event)
        if event.kind == "delta":
            self.deltas.append((time.perf_counter(), event))
            if not self.has_begun.is_set():  # to say it again takes as long as all else here
                self.has_begun.set()
        elif event.kind != "started":
            self.has_ended.set()

    @property
    def times_s(self) -> list[float]:
        """When each token came, since it was asked for."""
        return [at - self.asked_at for at, event in self.deltas for _ in event.token_ids]

    def finished(self) -> Written:
        """Wait for the end. Raises TimeoutError."""
        if not self.has_ended.wait(PATIENCE_S):
            raise TimeoutError("The engine did not finish a reply.")
        return self


class Served:
    """See Peer."""

    def __init__(self, model: Path, threads: int, end_ids: frozenset[int]) -> None:
        self._endless = tuple((token_id, NEVER) for token_id in sorted(end_ids))
        self._numbers = itertools.count()
        self._written: dict[str, Written] = {}
        self._engine = TransformersEngine(EngineConfig(str(model), threads=threads, backend="native"))
        try:
            self._engine.start(lambda event: self._written[event.generation_id].take(event))
        except ValueError as reason:
            raise PeerUnavailable(str(reason)) from reason

    def write(self, prompts: Sequence[Prompt], tokens: int) -> list[Reply]:
        asked = [self.ask(prompt, self.greedy(tokens)) for prompt in prompts]
        began = asked[0].asked_at
        replies = []
        for written in asked:
            deltas = written.finished().deltas
            ids = [token_id for _, event in deltas for token_id in event.token_ids]
            replies.append(Reply(tuple(ids), tuple(at + written.asked_at - began for at in written.times_s)))
        return replies

    def greedy(self, tokens: int) -> SamplingParams:
        return SamplingParams(seed=0, temperature=0.0, max_tokens=tokens, logit_bias=self._endless)

    def ask(
        self, prompt: Prompt, sampling: SamplingParams, on_event: Callable[[StreamEvent], None] = lambda event: None
    ) -> Written:
        name = str(next(self._numbers))
        written = self._written[name] = Written(time.perf_counter(), on_event)
        self._engine.submit(GenerationRequest(name, prompt.messages, sampling))
        return written

    def cancel(self, written: Written) -> None:
        self._engine.cancel(next(name for name, each in self._written.items() if each is written))

    @property
    def metrics(self) -> EngineMetrics:
        return self._engine.metrics

    def close(self) -> None:
        self._engine.stop()
