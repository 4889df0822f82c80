"""The only place that knows the names of OpenAI's interface: what may be asked, and the shape of what is answered.

A field that would change the reply and cannot be honoured is refused, unless it says what happens anyway; so is one
that nobody knows, as OpenAI does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import BeforeValidator, ConfigDict, Field

from assistant.chat.completions import Said
from assistant.errors import AssistantError

MAX_MESSAGES = 2000

Zero = Annotated[float, Field(ge=0, le=0)]
# One text may stand where several can.
Texts = Annotated[list[str], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)]


class _Strict(Schema):
    model_config = ConfigDict(extra="forbid")


class StreamOptions(_Strict):
    include_usage: bool = False
    # OpenAI pads chunks against who guesses words by their lengths; there is nothing to switch off here.
    include_obfuscation: bool | None = None


class Asked(_Strict):
    """What both kinds of completions take. Null: the product's default."""

    model: str
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None
    stop: Texts | None = None
    # Of vLLM's interface and others'; OpenAI's client sends them as extra_body.
    top_k: int | None = None
    repetition_penalty: float | None = None
    # False keeps nothing: a temporary chat.
    store: bool | None = None
    n: Literal[1] | None = None
    presence_penalty: Zero | None = None
    frequency_penalty: Zero | None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None

    # About who asks, and how OpenAI shall bill, cache and route it: taken, and without effect.
    user: Any = None
    metadata: Any = None
    service_tier: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    parallel_tool_calls: Any = None

    def sampling(self) -> dict[str, Any]:
        """In the words of inference.contract.SamplingParams."""
        names = ("temperature", "top_p", "top_k", "repetition_penalty", "max_tokens", "seed")
        return {**{name: getattr(self, name) for name in names}, "stop": self.stop or None}

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


class TextPart(Schema):
    type: Literal["text"]
    text: str


def _parts(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class MessageIn(Schema):
    """Clients send replies back as they got them, so that what says nothing is let pass."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[list[TextPart], BeforeValidator(_parts)] | None = None
    tool_calls: Annotated[list[Any], Field(max_length=0)] | None = None

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.content or ())


class TextFormat(_Strict):
    type: Literal["text"]


class ChatCompletionIn(Asked):
    messages: Annotated[list[MessageIn], Field(min_length=1, max_length=MAX_MESSAGES)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    response_format: TextFormat | None = None
    modalities: list[Literal["text"]] | None = None
    logprobs: Literal[False] | None = None
    top_logprobs: Zero | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    tool_choice: Literal["none", "auto"] | None = None

    def sampling(self) -> dict[str, Any]:
        return {**super().sampling(), "max_tokens": self.max_completion_tokens or self.max_tokens}

    def said(self) -> tuple[str, list[Said]]:
        """The system message, and what was said after it. Raises message.late_instruction."""
        system: list[str] = []
        said: list[Said] = []
        for message in self.messages:
            if message.role in ("user", "assistant"):
                said.append(Said("user" if message.role == "user" else "assistant", message.text))
            elif said:
                raise AssistantError("message.late_instruction")
            else:
                system.append(message.text)
        return "\n\n".join(system), said


class CompletionIn(Asked):
    prompt: Annotated[Texts, Field(min_length=1, max_length=1)]
    suffix: None = None
    echo: Literal[False] | None = None
    best_of: Literal[1] | None = None
    logprobs: None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """How one kind of completion writes its answers: `whole` at once, or in chunks."""

    id_prefix: str
    object: str
    chunk_object: str
    is_chat: bool

    def whole(self, head: dict[str, Any], text: str, finish_reason: str, usage: dict[str, int]) -> dict[str, Any]:
        said = {"message": {"role": "assistant", "content": text, "refusal": None}} if self.is_chat else {"text": text}
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": finish_reason}
        return {**head, "object": self.object, "choices": [choice], "usage": usage}

    def chunk(self, head: dict[str, Any], text: str | None, finish_reason: str | None = None) -> dict[str, Any]:
        """`text` None: the last one, which says how it ended."""
        said: dict[str, Any] = {"text": text or ""}
        if self.is_chat:
            said = {"delta": {} if text is None else {"content": text}}
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": finish_reason}
        return {**head, "object": self.chunk_object, "choices": [choice]}

    def usage_chunk(self, head: dict[str, Any], usage: dict[str, int]) -> dict[str, Any]:
        return {**head, "object": self.chunk_object, "choices": [], "usage": usage}


CHAT = Shape("chatcmpl-", "chat.completion", "chat.completion.chunk", is_chat=True)
TEXT = Shape("cmpl-", "text_completion", "text_completion", is_chat=False)


def head_of(shape: Shape, id_: str, model: str) -> dict[str, Any]:
    """What every answer and every chunk of one reply begins with."""
    return {"id": f"{shape.id_prefix}{id_}", "created": int(time.time()), "model": model}
