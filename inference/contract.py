"""What crosses the border between the product and an engine: frozen values and one protocol.

This module knows neither torch nor Django, so both sides may import it.
Values that travel between processes carry `v`; readers ignore fields they do not know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

CONTRACT_VERSION = 1
MAX_FORMAT_CHARS = 65_536

Role = Literal["system", "user", "assistant"]
EventKind = Literal["started", "delta", "finished", "failed"]
FinishReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """What the text of a reply that ends by itself is: JSON that fits the schema in `text`, or what the whole of the
    regular expression in `text` matches. Raises ValueError with a sentence when it is too long."""

    kind: Literal["json_schema", "regex"]
    text: str

    def __post_init__(self) -> None:
        _require(self.kind in ("json_schema", "regex"), "a format is a json_schema or a regex")
        _require(len(self.text) <= MAX_FORMAT_CHARS, f"a format has at most {MAX_FORMAT_CHARS} characters")


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the next token is chosen. `seed` alone fixes the random draws: the draw at a position depends on
    (seed, position), never on what ran before, so a continued generation needs no saved generator state.

    Raises ValueError with a sentence when a value is out of range.
    """

    seed: int
    temperature: float = 0.2  # 0 = greedy
    top_p: float = 0.9  # 1 = off
    top_k: int = 0  # 0 = off
    repetition_penalty: float = 1.0  # 1 = off; CTRL, arXiv:1909.05858 §4.1
    no_repeat_ngram: int = 0  # 0 = off
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    min_p: float = 0.0  # share of the likeliest token's probability, 0 = off; arXiv:2407.01082
    presence_penalty: float = 0.0  # taken from the logit of each token that the reply has; 0 = off
    frequency_penalty: float = 0.0  # the same, as many times as the reply has it
    logit_bias: tuple[tuple[int, float], ...] = ()  # added to the logits of these ids
    logprobs: int | None = None  # alternatives to tell with each token's log-probability; None = tell neither
    format: OutputFormat | None = None  # what it shall be; an engine that cannot keep to it fails the request

    def __post_init__(self) -> None:
        _require(0 <= self.seed < 2**63, "seed must be between 0 and 2^63-1")
        _require(0.0 <= self.temperature <= 5.0, "temperature must be between 0 and 5")
        _require(0.0 < self.top_p <= 1.0, "top_p must be above 0 and at most 1")
        _require(0 <= self.top_k <= 1_000_000, "top_k must be 0 (off) or positive")
        _require(0.1 <= self.repetition_penalty <= 10.0, "repetition_penalty must be between 0.1 and 10")
        _require(0 <= self.no_repeat_ngram <= 100, "no_repeat_ngram must be between 0 (off) and 100")
        _require(1 <= self.max_tokens <= 1_000_000, "max_tokens must be at least 1")
        _require(
            len(self.stop) <= 8 and all(0 < len(s) <= 200 for s in self.stop),
            "at most 8 stop strings of 1 to 200 characters",
        )
        _require(0.0 <= self.min_p <= 1.0, "min_p must be between 0 (off) and 1")
        _require(
            all(-2.0 <= penalty <= 2.0 for penalty in (self.presence_penalty, self.frequency_penalty)),
            "presence_penalty and frequency_penalty must be between -2 and 2",
        )
        _require(
            len(self.logit_bias) <= 1024 and all(i >= 0 and -100.0 <= bias <= 100.0 for i, bias in self.logit_bias),
            "logit_bias must be at most 1024 token ids with a number from -100 to 100 each",
        )
        _require(self.logprobs is None or 0 <= self.logprobs <= 20, "logprobs must be from 0 to 20")


@dataclass(frozen=True, slots=True)
class AdapterRef:
    """LoRA weights, addressed by content: `sha256` is of `adapter_model.safetensors` in the folder `path`, and
    `config_sha256` of `adapter_config.json`, "" where it is not known."""

    sha256: str
    path: str
    config_sha256: str = ""


class AdapterError(Exception):
    """The adapter cannot be used; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One reply to write. `prefix_token_ids` are ids of this very reply that people have already been shown:
    the engine continues after them and emits only what is new. `prefix_text` is the same as it was shown, for an engine
    whose ids mean nothing outside of it. Where there are more requests than room, each `owner` gets as much as the
    others; what it names the engine need not know."""

    generation_id: str
    messages: tuple[ChatMessage, ...]
    sampling: SamplingParams
    adapter: AdapterRef | None = None
    prefix_token_ids: tuple[int, ...] = ()
    prefix_text: str = ""
    owner: str = ""
    v: int = CONTRACT_VERSION


@dataclass(frozen=True, slots=True)
class PromptInfo:
    """What the engine really read. `dropped_messages` counts the oldest messages left out to fit the context; `tokens`
    is 0 where it is not known yet."""

    tokens: int
    sha256: str
    chat_template_sha256: str
    dropped_messages: int


@dataclass(frozen=True, slots=True)
class EngineFailure:
    """Why a generation failed: a stable `noun.reason` code, a sentence for people, whether another try may help."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class TokenChance:
    """A token and how likely the model held it, before penalties and temperature: ln p, in nats. `text` may be half a
    character."""

    token_id: int
    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """A token of a reply and the likeliest ones in its place."""

    chosen: TokenChance
    alternatives: tuple[TokenChance, ...]


class StreamEvent(NamedTuple):  # of which there is one for each token
    """One event of a generation. Every submitted request gets one `started` and then exactly one terminal event
    (`finished` or `failed`), unless the engine is stopped.

    A delta's text is whole characters only; ids whose text is still held back (half a character, the beginning
    of a stop string) come with the delta that consumed them, possibly with empty text.
    """

    kind: EventKind
    generation_id: str
    token_ids: tuple[int, ...] = ()
    delta: str = ""
    prompt: PromptInfo | None = None  # on started; on finished once more where only then it is known in full
    finish_reason: FinishReason | None = None  # on finished
    failure: EngineFailure | None = None  # on failed
    logprobs: tuple[TokenLogprobs, ...] = ()  # on a delta of a request that asks for them, one for each id


@dataclass(frozen=True, slots=True)
class UpstreamServer:
    """A server with OpenAI's interface that writes in the place of a model of ours. `url` ends before
    /chat/completions; `model` is what the server calls it, "" its first; `resume` says how a reply goes on that was
    begun before (serving/upstream.py)."""

    url: str
    model: str = ""
    api_key: str = field(default="", repr=False)
    resume: Literal["replay", "continue"] = "replay"


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """`model` is what the engine loads: a folder, a hub id, or for the scripted engine its script."""

    model: str
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int = 0  # 0 = half of the cores: a step waits for its slowest thread, and other processes need cores too
    max_running: int = 16  # generations decoded together; further ones are not admitted
    context_length: int = 0  # tokens, prompt and reply together; 0 = what the model was made for
    upstream: UpstreamServer | None = None
    backend: Literal["auto", "torch", "native", "cuda"] = "auto"  # what computes; auto = the fastest that there is
    speculation: Literal["lookup", "off"] = "lookup"  # a reply that is written alone guesses from what it said before
    cache_mib: int = 0  # for keys and values; 0 = a share of the memory that is free


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What is loaded, as recorded with every generation."""

    engine: str
    base_model: str
    base_model_sha256: str
    dtype: str
    context_length: int
    max_running: int
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many times were at most each of `bounds`, in seconds, and above the bound before it; the last of `counts`,
    which are one more, is of those above all bounds. `sum_s` is of all of them."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum_s: float


@dataclass(frozen=True, slots=True)
class EngineMetrics:
    """What an engine has done since its start, and what it does now. Engines that count have it as a property
    `metrics`, to be read from any thread; those that do not count lack it. Quantiles are of the last thousand times, in
    seconds; 0.0 while there are none."""

    running: int
    waiting: int
    pages: int  # of keys and values
    pages_in_use: int
    steps: int
    tokens_written: int
    tokens_read: int  # of prompts, those that were read again after a preemption included
    tokens_reused: int  # of prompts, whose keys and values were there already
    preemptions: int
    tokens_per_s: float  # written, over the last ten seconds
    first_token_p50_s: float  # from `submit` to the first token
    first_token_p95_s: float
    gap_p50_s: float  # between two tokens of a reply
    gap_p95_s: float
    gap_max_s: float
    first_token: Histogram
    gap: Histogram


Emit = Callable[[StreamEvent], None]


class Engine(Protocol):
    """Runs many generations at once in one process. Built as `EngineClass(config)`, cheap until `start`."""

    def start(self, emit: Emit) -> EngineInfo:
        """Load the model, warm up and begin stepping; `emit` is called from the engine's own thread and must not
        block. Raises OSError or ValueError with a sentence when the model cannot be used."""
        ...

    def submit(self, request: GenerationRequest) -> None:
        """Take a request, from any thread, without blocking; whatever goes wrong arrives as a `failed` event."""
        ...

    def cancel(self, generation_id: str) -> None:
        """End a generation within one step with `finished` (reason cancelled); unknown ids are ignored."""
        ...

    def load_adapter(self, adapter: AdapterRef) -> str:
        """Make an adapter ready before a request names it, and compare what it computes with what is stored beside it.
        Blocks the caller, on any thread but the engine's; running replies go on meanwhile. Returns what could not be
        compared, in a sentence, or "". Raises AdapterError."""
        ...

    def keep_adapters(self, sha256s: Collection[str]) -> None:
        """Take all other adapters out, each when its last reply has ended. Until the first call all stay as long as
        there is room."""
        ...

    def stop(self) -> None:
        """Stop stepping at once and free the memory. They get no terminal event: others go on with them."""
        ...

    @property
    def idle_for_s(self) -> float:
        """Seconds since the last completed step while work is waiting; 0.0 when there is nothing to do."""
        ...


@dataclass(frozen=True, slots=True)
class EmbedderInfo:
    """What turns texts into vectors. `sha256` is of its weights, and empty where words alone are compared. Vectors of
    another embedder mean nothing to this one."""

    name: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class IndexedPassage:
    """A question with its approved answer, as a retriever compares it: both as words with one space between them, and
    the vector of both, empty where there is none."""

    id: str
    question: str
    answer: str
    vector: bytes = b""


@dataclass(frozen=True, slots=True)
class PassageMatch:
    """`score`: from 0 to 1, how well a passage answers a question; 1 only where the question has the same words."""

    id: str
    score: float


class Retriever(Protocol):
    """Finds passages that answer a question, in memory. Used from one thread at a time. Built as
    `RetrieverClass(model)`, cheap until `start`; `model` is what its embedder loads, or "off"."""

    def start(self) -> EmbedderInfo:
        """Load the embedder. Where it cannot be had, words alone are compared, and the log says so."""
        ...

    def embed(self, passages: Sequence[tuple[str, str]]) -> list[bytes]:
        """A vector for each question and answer; empty for what the embedder cannot read."""
        ...

    def put(self, passages: Sequence[IndexedPassage]) -> None:
        """Take passages in, in the place of those with the same ids."""
        ...

    def remove(self, ids: Collection[str]) -> None: ...

    def find(self, question: str, words: str, limit: int) -> list[PassageMatch]:
        """The best matches, best first. `words` are the question's, in the form of IndexedPassage."""
        ...


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)
