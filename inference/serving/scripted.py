"""An engine that says what its script tells, at a set rate: for tests, fault injection and benchmarks.

It knows no model and imports no torch. The script is `EngineConfig.model`, a query string after `scripted:`:

    tokens_per_second   for each reply, 0 = as fast as possible (default 20)
    tokens              length of every reply (default 200)
    stamp=1             each token is the time at which it was said, ` t<seconds since 1970>`
    fail_after=N        every attempt fails, in a way that may pass, after N tokens

Token i of a reply is a function of the question and of i alone, so whoever knows the question knows the whole reply:
`scripted_text`. A token's id is its position, which makes continuing exact.
"""

from __future__ import annotations

import hashlib
import heapq
import logging
import threading
import time
from dataclasses import dataclass
from urllib.parse import parse_qs

from inference.contract import (
    Emit,
    EngineConfig,
    EngineFailure,
    EngineInfo,
    FinishReason,
    GenerationRequest,
    PromptInfo,
    StreamEvent,
)

log = logging.getLogger(__name__)

WORDS = ("the", "tide", "comes", "and", "goes", "潮水", "moon", "🌊", "slowly", "é", "\n", "shore", "and", "again")


@dataclass(frozen=True, slots=True)
class Script:
    tokens_per_second: float = 20.0
    tokens: int = 200
    stamp: bool = False
    fail_after: int | None = None

    @classmethod
    def parse(cls, model: str) -> Script:
        """Read `scripted:…`. Raises ValueError with a sentence."""
        kind, _, query = model.partition(":")
        if kind != "scripted":
            raise ValueError(f"MODEL={model!r} is no script; it must begin with 'scripted:'.")
        fields = {name: values[-1] for name, values in parse_qs(query, strict_parsing=bool(query)).items()}
        if unknown := set(fields) - set(cls.__slots__):
            raise ValueError(f"MODEL={model!r} has unknown fields: {', '.join(sorted(unknown))}.")
        return cls(
            tokens_per_second=float(fields.get("tokens_per_second", 20)),
            tokens=int(fields.get("tokens", 200)),
            stamp=fields.get("stamp") == "1",
            fail_after=int(fields["fail_after"]) if "fail_after" in fields else None,
        )


def scripted_piece(question: str, position: int) -> str:
    """The text of the token at `position` of the reply to `question`."""
    draw = hashlib.blake2b(f"{position}\x00{question}".encode(), digest_size=2).digest()
    word = WORDS[int.from_bytes(draw, "little") % len(WORDS)]
    return word if position == 0 else " " + word


def scripted_text(question: str, tokens: int) -> str:
    """The whole reply to `question`."""
    return "".join(scripted_piece(question, position) for position in range(tokens))


@dataclass(slots=True, eq=False)
class _Reply:
    request: GenerationRequest
    question: str
    position: int
    first: int
    length: int
    began: float


class ScriptedEngine:
    """See contract.Engine. One thread says the tokens of all replies when they are due."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._script = Script.parse(config.model)
        self._replies: dict[str, _Reply] = {}
        self._due: list[tuple[float, int, _Reply]] = []
        self._order = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="scripted-engine", daemon=True)

    def start(self, emit: Emit) -> EngineInfo:
        self._emit = emit
        self._thread.start()
        return EngineInfo(
            engine="scripted",
            base_model=self._config.model,
            base_model_sha256=hashlib.sha256(self._config.model.encode()).hexdigest(),
            dtype="none",
            context_length=self._config.context_length or 1_000_000,
            max_running=self._config.max_running,
        )

    def submit(self, request: GenerationRequest) -> None:
        question = next((m.text for m in reversed(request.messages) if m.role == "user"), "")
        first = len(request.prefix_token_ids)
        length = min(self._script.tokens, request.sampling.max_tokens)
        reply = _Reply(request, question, first, first, length, time.monotonic())
        with self._changed:
            self._replies[request.generation_id] = reply
            digest = hashlib.sha256(question.encode()).hexdigest()
            prompt = PromptInfo(len(question.split()), digest, hashlib.sha256(b"").hexdigest(), 0)
            self._emit(StreamEvent("started", request.generation_id, prompt=prompt))
            self._schedule(reply)
            self._changed.notify()

    def cancel(self, generation_id: str) -> None:
        with self._changed:
            reply = self._replies.get(generation_id)
            if reply:
                self._finish(reply, "cancelled")

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._replies.clear()
            self._changed.notify()

    @property
    def idle_for_s(self) -> float:
        return 0.0  # it cannot hang: it computes nothing

    def _schedule(self, reply: _Reply) -> None:
        rate = self._script.tokens_per_second
        # From the beginning, not from the token before, so that the rate does not drift.
        at = reply.began + (reply.position - reply.first) / rate if rate else 0.0
        self._order += 1
        heapq.heappush(self._due, (at, self._order, reply))

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._stopping and (not self._due or self._due[0][0] > time.monotonic()):
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                if self._stopping:
                    return
                _, _, reply = heapq.heappop(self._due)
                if self._replies.get(reply.request.generation_id) is reply:
                    self._say_next(reply)

    def _say_next(self, reply: _Reply) -> None:
        if reply.position >= reply.length:
            self._finish(reply, "stop" if reply.length == self._script.tokens else "length")
            return
        if reply.position - reply.first == self._script.fail_after:
            del self._replies[reply.request.generation_id]
            failure = EngineFailure("engine.step_failed", "The script says that this attempt fails.", retryable=True)
            self._emit(StreamEvent("failed", reply.request.generation_id, failure=failure))
            return
        piece = f" t{time.time():.6f}" if self._script.stamp else scripted_piece(reply.question, reply.position)
        self._emit(StreamEvent("delta", reply.request.generation_id, (reply.position,), piece))
        reply.position += 1
        self._schedule(reply)

    def _finish(self, reply: _Reply, reason: FinishReason) -> None:
        del self._replies[reply.request.generation_id]
        self._emit(StreamEvent("finished", reply.request.generation_id, finish_reason=reason))
