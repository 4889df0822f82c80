"""An engine without a model: says known words at a set rate, for tests and load measurements. Imports no torch.

Its script is `EngineConfig.model`, for example `scripted:tokens_per_second=20&tokens=200&stamp=1`:
  tokens_per_second  each generation's own rate from its start, without drift; 0 = as fast as possible
  tokens             how long a reply is; who asks for `400 words` gets so many
  echo               instead of words, the last user message itself, whole, so many characters to a token
  stamp              1 = instead of words, the wall-clock time at which each piece is said
  fail, fail_after   end each attempt with this failure code (retryable) after so many of its tokens
  refuse             the beginning of the sha256 of adapters that cannot be loaded; all others are ready at once
Token `i` of a reply has the id `i`, and its text depends on the last user message and on `i` alone. With `echo=1` a
test says what the model will write, and it is cut at every character.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import logging
import re
import threading
import time
import zlib
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from inference.contract import (
    AdapterError,
    AdapterRef,
    Emit,
    EngineConfig,
    EngineFailure,
    EngineInfo,
    FinishReason,
    GenerationRequest,
    PromptInfo,
    StreamEvent,
    TokenChance,
    TokenLogprobs,
)
from inference.serving.stop_strings import StopStrings

log = logging.getLogger(__name__)

WORDS = (
    "the", "river", "carries", "small", "boats", "home", "while", "lanterns", "light", "every", "window", "and",
    "nobody", "hurries", "because", "evening", "is", "long", "你好", "世界", "再见", "🙂", "🚢", "café", "naïve",
    "quiet.", "Then", "rain,", "softly", "—", "<b>", "&amp;", "**stars**", "\n", "\n\n- item",
)  # fmt: skip
ASKED_FOR = re.compile(r"\b(\d{1,4}) words\b")
DEFAULT_CONTEXT_LENGTH = 8192
# Tokens that fall due within one tick are said together, so that hundreds of generations wake the thread rarely.
TICK_S = 0.005
UNABLE = EngineFailure("engine.unable", "The scripted engine keeps to its script and no format.", retryable=False)


def scripted_pieces(user_text: str, tokens: int) -> list[str]:
    """The text of each of the first `tokens` tokens of the reply to `user_text`, or of so many as it asks for."""
    if asked := ASKED_FOR.search(user_text):
        tokens = int(asked[1])
    seed = zlib.crc32(user_text.encode())
    words = [WORDS[zlib.crc32(i.to_bytes(4, "little"), seed) % len(WORDS)] for i in range(tokens)]
    return [word if i == 0 else f" {word}" for i, word in enumerate(words)]


def scripted_text(user_text: str, tokens: int) -> str:
    """The whole reply to `user_text`."""
    return "".join(scripted_pieces(user_text, tokens))


def echoed_pieces(user_text: str, characters: int) -> list[str]:
    return [user_text[at : at + characters] for at in range(0, len(user_text), characters)]


def _certain(index: int, text: str, alternatives: int | None) -> tuple[TokenLogprobs, ...]:
    """What is scripted has the probability 1."""
    if alternatives is None:
        return ()
    chance = TokenChance(index, text, 0.0)
    return (TokenLogprobs(chance, (chance,) if alternatives else ()),)


@dataclass(frozen=True, slots=True)
class Script:
    tokens_per_second: float = 20.0
    tokens: int = 50
    echo: int = 0
    stamp: int = 0
    fail: str = ""
    fail_after: int = 0
    refuse: str = ""

    @classmethod
    def parse(cls, model: str) -> Script:
        """Read `scripted:key=value&…`. Raises ValueError with a sentence."""
        kind, _, query = model.partition(":")
        if kind != "scripted":
            raise ValueError(f"The scripted engine reads a script like scripted:tokens=20 and not {model!r}.")
        values = dict(parse_qsl(query, strict_parsing=bool(query)))
        types = {name: type(getattr(cls(), name)) for name in cls.__slots__}
        unknown = values.keys() - types.keys()
        if unknown:
            raise ValueError(f"The script has no {', '.join(sorted(unknown))}; it has {', '.join(types)}.")
        return cls(**{name: types[name](value) for name, value in values.items()})


@dataclass(eq=False, slots=True)
class Speech:
    """One running generation."""

    request: GenerationRequest
    pieces: list[str]
    reason: FinishReason
    began_at: float
    first: int
    said: int
    stop_strings: StopStrings = field(init=False)
    is_over: bool = False

    def __post_init__(self) -> None:
        self.stop_strings = StopStrings(self.request.sampling.stop)
        for piece in self.pieces[: self.first]:
            self.stop_strings.push(piece)


class ScriptedEngine:
    """See contract.Engine."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._changed = threading.Condition()
        self._inbox: deque[GenerationRequest | str] = deque()
        self._waiting: deque[GenerationRequest] = deque()
        self._running: dict[str, Speech] = {}
        self._due: list[tuple[float, int, Speech]] = []
        self._order = itertools.count()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="scripted-engine", daemon=True)

    def start(self, emit: Emit) -> EngineInfo:
        self._emit_event = emit
        self._script = Script.parse(self._config.model)
        self._thread.start()
        return EngineInfo(
            engine="scripted",
            base_model=self._config.model,
            base_model_sha256=hashlib.sha256(self._config.model.encode()).hexdigest(),
            dtype="none",
            context_length=self._config.context_length or DEFAULT_CONTEXT_LENGTH,
            max_running=self._config.max_running,
        )

    def submit(self, request: GenerationRequest) -> None:
        self._tell(request)

    def cancel(self, generation_id: str) -> None:
        self._tell(generation_id)

    def load_adapter(self, adapter: AdapterRef) -> str:
        if self._script.refuse and adapter.sha256.startswith(self._script.refuse):
            raise AdapterError("The script says that this adapter cannot be used.")
        return ""

    def keep_adapters(self, sha256s: Collection[str]) -> None:
        """Nothing is loaded that could be taken out."""

    def stop(self) -> None:
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def idle_for_s(self) -> float:
        """How long the next token is overdue."""
        due = self._due[:1]
        return max(0.0, time.monotonic() - due[0][0]) if due and self._script.tokens_per_second else 0.0

    def _tell(self, message: GenerationRequest | str) -> None:
        with self._changed:
            self._inbox.append(message)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_stopped or bool(self._inbox), timeout=self._pause_s())
                if self._is_stopped:
                    return
                messages = list(self._inbox)
                self._inbox.clear()
            for message in messages:
                if isinstance(message, str):
                    self._cancel(message)
                else:
                    self._waiting.append(message)
            while self._waiting and len(self._running) < self._config.max_running:
                self._begin(self._waiting.popleft())
            now = time.monotonic()
            # All that are due now, once each: a generation without a rate is due again at once.
            speeches = []
            while self._due and self._due[0][0] <= now:
                speeches.append(heapq.heappop(self._due)[2])
            for speech in speeches:
                self._say_next(speech)

    def _pause_s(self) -> float | None:
        if self._waiting and len(self._running) < self._config.max_running:
            return 0.0
        if not self._due:
            return None
        pause = self._due[0][0] - time.monotonic()
        return max(pause, TICK_S) if pause > 0 else 0.0

    def _begin(self, request: GenerationRequest) -> None:
        said = len(request.prefix_token_ids)
        text = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
        echo = self._script.echo
        whole = echoed_pieces(text, echo) if echo else scripted_pieces(text, self._script.tokens)
        pieces = whole[: request.sampling.max_tokens]
        speech = Speech(
            request,
            pieces=pieces,
            reason="length" if len(pieces) < len(whole) else "stop",
            began_at=time.monotonic(),
            first=said,
            said=said,
        )
        prompt = "\0".join(f"{message.role}\0{message.text}" for message in request.messages)
        self._emit(
            StreamEvent(
                "started",
                request.generation_id,
                prompt=PromptInfo(
                    tokens=len(prompt.split()),
                    sha256=hashlib.sha256(prompt.encode()).hexdigest(),
                    chat_template_sha256=hashlib.sha256(b"scripted").hexdigest(),
                    dropped_messages=0,
                ),
            )
        )
        self._running[request.generation_id] = speech
        if request.sampling.format:
            self._end(speech, StreamEvent("failed", request.generation_id, failure=UNABLE))
            return
        if self._script.refuse and request.adapter and request.adapter.sha256.startswith(self._script.refuse):
            failure = EngineFailure("adapter.unusable", "The script says so.", retryable=False)
            self._end(speech, StreamEvent("failed", request.generation_id, failure=failure))
            return
        if said >= len(pieces) or speech.stop_strings.is_stopped:
            self._end(speech)
        else:
            self._schedule(speech)

    def _schedule(self, speech: Speech) -> None:
        rate = self._script.tokens_per_second
        due = speech.began_at + (speech.said + 1 - speech.first) / rate if rate else speech.began_at
        heapq.heappush(self._due, (due, next(self._order), speech))

    def _say_next(self, speech: Speech) -> None:
        if speech.is_over:
            return
        request, stop_strings = speech.request, speech.stop_strings
        if self._script.fail and speech.said - speech.first >= self._script.fail_after:
            failure = EngineFailure(self._script.fail, "The script says that this fails.", retryable=True)
            self._end(speech, StreamEvent("failed", request.generation_id, failure=failure))
            return
        index = speech.said
        speech.said += 1
        text = stop_strings.push(f" t{time.time():.6f}" if self._script.stamp else speech.pieces[index])
        is_last = speech.said == len(speech.pieces)
        if is_last:
            text += stop_strings.flush()
        told = _certain(index, speech.pieces[index], request.sampling.logprobs)
        self._emit(StreamEvent("delta", request.generation_id, (index,), text, logprobs=told))
        if is_last or stop_strings.is_stopped:
            self._end(speech)
        else:
            self._schedule(speech)

    def _end(self, speech: Speech, event: StreamEvent | None = None) -> None:
        reason: FinishReason = "stop" if speech.stop_strings.is_stopped else speech.reason
        speech.is_over = True
        del self._running[speech.request.generation_id]
        self._emit(event or StreamEvent("finished", speech.request.generation_id, finish_reason=reason))

    def _cancel(self, generation_id: str) -> None:
        cancelled = StreamEvent("finished", generation_id, finish_reason="cancelled")
        for request in [r for r in self._waiting if r.generation_id == generation_id]:
            self._waiting.remove(request)
            self._emit(StreamEvent("started", generation_id))
            self._emit(cancelled)
        if generation_id in self._running:
            self._end(self._running[generation_id], cancelled)

    def _emit(self, event: StreamEvent) -> None:
        if self._is_stopped:
            return
        try:
            self._emit_event(event)
        except Exception:
            log.exception("an event of generation %s was refused", event.generation_id)
