"""What is said to a server with OpenAI's interface, and how its answers are read. The only place with the wire's names.

Servers differ in what they take beside the core of the interface, and some refuse what they do not know: then less and
less of it is sent (OPTIONAL).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from inference.contract import ChatMessage, EngineFailure, FinishReason, GenerationRequest, OutputFormat

# In the order in which it is given up: sampling that OpenAI does not have, keeping nothing, counting tokens.
OPTIONAL = ("sampling", "store", "usage")
# How vLLM, SGLang, llama.cpp and OpenAI say that a prompt is longer than the context.
TOO_LONG = ("context_length_exceeded", "exceed_context_size", "context length", "context size", "longer than the model")
SAID_CHARS = 300

UNAVAILABLE = EngineFailure(
    "upstream.unavailable", "The model's server does not answer at the moment. Try again.", retryable=True
)
REFUSED = EngineFailure(
    "upstream.refused", "The model's server refused to write this reply. Tell the administrator.", retryable=False
)
TOO_LONG_FOR_IT = EngineFailure(
    "generation.prompt_too_long", "The message is longer than the model can read. Shorten it.", retryable=False
)
NOT_RESUMABLE = EngineFailure(
    "generation.not_resumable",
    "This reply was interrupted, and the model's server cannot go on with it word for word. Try again.",
    retryable=False,
)


UNTOLD = EngineFailure(
    "engine.unable",
    "Another server writes here, and it is not asked for log-probabilities. Leave out logprobs.",
    retryable=False,
)


class UpstreamError(Exception):
    """A request ends with `failure`; the message is for the log."""

    def __init__(self, failure: EngineFailure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with an error status."""

    status: int
    said: str
    retry_after_s: float | None = None

    @property
    def is_passing(self) -> bool:
        return self.status in (408, 409, 425, 429) or self.status >= 500

    @property
    def is_too_long(self) -> bool:
        return self.status in (400, 413, 422) and any(word in self.said.lower() for word in TOO_LONG)

    @property
    def is_of_what_was_sent(self) -> bool:
        return self.status in (400, 422)

    @classmethod
    async def read(cls, response: httpx2.Response) -> Refusal:
        said = (await response.aread()).decode("utf-8", "replace")[:SAID_CHARS]
        wait = response.headers.get("Retry-After", "")
        return cls(response.status_code, said, float(wait) if wait.isdecimal() else None)


@dataclass(slots=True)
class Chunk:
    """One event of a stream: some text, how the reply ended, or what it took."""

    text: str = ""
    finish_reason: FinishReason | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """A request for one reply; `said` is what it is to go on from, "" for its beginning."""

    request: GenerationRequest
    model: str
    said: str = ""
    given_up: Sequence[str] = ()
    dropped: int = 0
    messages: list[ChatMessage] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        """`dropped` is how many of the oldest messages after the system message are left out."""
        first = 1 if self.request.messages[0].role == "system" else 0
        self.messages.extend(self.request.messages[:first] + self.request.messages[first + self.dropped :])

    def json(self) -> dict[str, Any]:
        sampling = self.request.sampling
        fields: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": message.role, "content": message.text} for message in self.messages],
            "stream": True,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
        }
        if sampling.stop:
            fields["stop"] = list(sampling.stop)
        for name in ("presence_penalty", "frequency_penalty"):
            if value := getattr(sampling, name):
                fields[name] = value
        if sampling.logit_bias:
            fields["logit_bias"] = {str(token_id): value for token_id, value in sampling.logit_bias}
        if sampling.format:
            fields |= _format_fields(sampling.format)
        if self.said:
            # vLLM's and SGLang's way of saying it; others go on by themselves from a reply that stands last.
            fields["messages"].append({"role": "assistant", "content": self.said})
            fields |= {"continue_final_message": True, "add_generation_prompt": False}
            fields["max_tokens"] = max(1, sampling.max_tokens - len(self.request.prefix_token_ids))
        if "sampling" not in self.given_up:
            fields |= {"top_k": sampling.top_k} if sampling.top_k else {}
            fields |= {"min_p": sampling.min_p} if sampling.min_p else {}
            is_on = sampling.repetition_penalty != 1.0
            fields |= {"repetition_penalty": sampling.repetition_penalty} if is_on else {}
        if "store" not in self.given_up:
            fields["store"] = False  # what people say is kept here, and nowhere else
        if "usage" not in self.given_up:
            fields["stream_options"] = {"include_usage": True}
        return fields

    @property
    def sha256(self) -> str:
        """Of what the model was asked: the server alone knows its template."""
        said = json.dumps([(message.role, message.text) for message in self.messages], ensure_ascii=False)
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def _format_fields(format_: OutputFormat) -> dict[str, Any]:
    """OpenAI's words for a schema, and vLLM's for a regular expression. A server that knows neither refuses."""
    if format_.kind == "regex":
        return {"structured_outputs": {"regex": format_.text}}
    schema = {"name": "reply", "schema": json.loads(format_.text), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


async def chunks_of(response: httpx2.Response) -> AsyncIterator[Chunk]:
    """Read server-sent events up to [DONE]; comments and what cannot be read say nothing."""
    async for line in response.aiter_lines():
        if not line.startswith("data:"):
            continue
        data = line[len("data:") :].strip()
        if data == "[DONE]":
            return
        try:
            yield _chunk(json.loads(data))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            continue


def _chunk(event: dict[str, Any]) -> Chunk:
    chunk = Chunk()
    if error := event.get("error"):
        chunk.error = str(error.get("message", error) if isinstance(error, dict) else error)[:SAID_CHARS]
    for choice in event.get("choices", [])[:1]:
        chunk.text = _storable(choice.get("delta", {}).get("content") or "")
        if reason := choice.get("finish_reason"):
            chunk.finish_reason = "length" if reason == "length" else "stop"
    if usage := event.get("usage"):
        chunk.prompt_tokens = int(usage.get("prompt_tokens") or 0)
        chunk.completion_tokens = int(usage.get("completion_tokens") or 0)
    return chunk


def _storable(text: str) -> str:
    """Halves of characters, and what no database stores, shown as U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")
