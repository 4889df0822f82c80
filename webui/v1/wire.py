"""The only place that knows the names of OpenAI's interface: what may be asked, and the shape of what is answered.

A field that would change the reply and cannot be honoured is refused, unless it says what happens anyway; so is one
that nobody knows, as OpenAI does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import BeforeValidator, ConfigDict, Field

from assistant.chat.completions import Said
from assistant.chat.stream import Chances
from assistant.errors import AssistantError
from inference.contract import OutputFormat

MAX_MESSAGES = 2000
MAX_CHOICES = 8

# What is called the same here and in inference.contract.SamplingParams.
SAMPLING = (
    "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty",
    "max_tokens", "seed",
)  # fmt: skip
# What OpenAI says of a token that is less likely than can be told.
LEAST_LOGPROB = -9999.0

# One text may stand where several can.
Texts = Annotated[list[str], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)]


class _Strict(Schema):
    model_config = ConfigDict(extra="forbid")


class StreamOptions(_Strict):
    include_usage: bool = False
    # OpenAI pads chunks against who guesses words by their lengths; there is nothing to switch off here.
    include_obfuscation: bool | None = None


class PlainFormat(_Strict):
    type: Literal["text", "json_object"]

    def kept(self) -> OutputFormat | None:
        return _of_schema({"type": "object"}) if self.type == "json_object" else None


class JsonSchema(_Strict):
    name: Annotated[str, Field(max_length=64)]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    # There is but one way to keep to a schema here, and it is the strict one.
    description: Any = None
    strict: bool | None = None


class JsonSchemaFormat(_Strict):
    type: Literal["json_schema"]
    json_schema_: Annotated[JsonSchema, Field(alias="json_schema")]

    def kept(self) -> OutputFormat:
        return _of_schema(self.json_schema_.schema_)


class StructuredOutputs(_Strict):
    """vLLM's (docs.vllm.ai, "Structured Outputs"), of which there is only this one here."""

    regex: str


def _of_schema(schema: dict[str, Any]) -> OutputFormat:
    return _format("json_schema", json.dumps(schema, ensure_ascii=False))


def _format(kind: Literal["json_schema", "regex"], text: str) -> OutputFormat:
    try:
        return OutputFormat(kind, text)
    except ValueError as error:
        raise AssistantError("generation.format_invalid", reason=str(error)) from error


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
    min_p: float | None = None
    structured_outputs: StructuredOutputs | None = None
    # False keeps nothing: a temporary chat.
    store: bool | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[int, float] | None = None

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
        fields = {name: getattr(self, name) for name in SAMPLING}
        if self.structured_outputs:
            fields["format"] = _format("regex", self.structured_outputs.regex)
        return {**fields, "stop": self.stop or None, "logit_bias": tuple((self.logit_bias or {}).items()) or None}

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


class ChatCompletionIn(Asked):
    messages: Annotated[list[MessageIn], Field(min_length=1, max_length=MAX_MESSAGES)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    response_format: Annotated[PlainFormat | JsonSchemaFormat, Field(discriminator="type")] | None = None
    modalities: list[Literal["text"]] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    tool_choice: Literal["none", "auto"] | None = None

    def sampling(self) -> dict[str, Any]:
        if self.top_logprobs is not None and not self.logprobs:
            raise AssistantError("request.invalid", reason="top_logprobs: it needs logprobs to be true")
        fields = super().sampling()
        if self.response_format and (kept := self.response_format.kept()):
            if self.structured_outputs:
                raise AssistantError("request.invalid", reason="structured_outputs: response_format says another")
            fields["format"] = kept
        return {
            **fields,
            "max_tokens": self.max_completion_tokens or self.max_tokens,
            "logprobs": (self.top_logprobs or 0) if self.logprobs else None,
        }

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
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None

    def sampling(self) -> dict[str, Any]:
        return {**super().sampling(), "logprobs": self.logprobs}


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a choice's text, and with its last part how it ended. `chances` are of all tokens behind the text, where
    they were asked for."""

    text: str = ""
    finish_reason: str | None = None
    chances: tuple[Chances, ...] | None = None
    offset: int = 0  # of the text, in the whole of it


@dataclass(frozen=True, slots=True)
class Shape:
    """How one kind of completion writes its answers: `whole` at once, or in chunks."""

    id_prefix: str
    object: str
    chunk_object: str
    is_chat: bool

    def whole(self, head: dict[str, Any], choices: Sequence[Part], usage: dict[str, int]) -> dict[str, Any]:
        said = [
            {"message": {"role": "assistant", "content": part.text, "refusal": None}}
            if self.is_chat
            else {"text": part.text}
            for part in choices
        ]
        choices_ = [self._choice(index, said[index], part) for index, part in enumerate(choices)]
        return {**head, "object": self.object, "choices": choices_, "usage": usage}

    def first(self, head: dict[str, Any], index: int) -> dict[str, Any]:
        """The chunk before all others of a choice in a chat."""
        return self._chunk(head, index, {"delta": {"role": "assistant", "content": ""}}, Part())

    def chunk(self, head: dict[str, Any], index: int, part: Part) -> dict[str, Any]:
        said: dict[str, Any] = {"text": part.text}
        if self.is_chat:
            said = {"delta": {} if part.finish_reason and not part.text else {"content": part.text}}
        return self._chunk(head, index, said, part)

    def _chunk(self, head: dict[str, Any], index: int, said: dict[str, Any], part: Part) -> dict[str, Any]:
        return {**head, "object": self.chunk_object, "choices": [self._choice(index, said, part)]}

    def _choice(self, index: int, said: dict[str, Any], part: Part) -> dict[str, Any]:
        logprobs = None
        if part.chances is not None:
            logprobs = _chat_logprobs(part.chances) if self.is_chat else _text_logprobs(part.chances, part.offset)
        return {"index": index, **said, "logprobs": logprobs, "finish_reason": part.finish_reason}

    def usage_chunk(self, head: dict[str, Any], usage: dict[str, int]) -> dict[str, Any]:
        return {**head, "object": self.chunk_object, "choices": [], "usage": usage}


CHAT = Shape("chatcmpl-", "chat.completion", "chat.completion.chunk", is_chat=True)
TEXT = Shape("cmpl-", "text_completion", "text_completion", is_chat=False)


def _chat_logprobs(chances: tuple[Chances, ...]) -> dict[str, Any]:
    content = []
    for own, *others in chances:
        content.append({**_chance(*own), "top_logprobs": [_chance(*other) for other in others]})
    return {"content": content, "refusal": None}


def _chance(text: str, logprob: float) -> dict[str, Any]:
    # Half a character is known only as a sign that it is one.
    is_whole = "\N{REPLACEMENT CHARACTER}" not in text
    return {"token": text, "logprob": _told(logprob), "bytes": list(text.encode()) if is_whole else None}


def _text_logprobs(chances: tuple[Chances, ...], offset: int) -> dict[str, Any]:
    tokens = [own[0] for own, *_ in chances]
    return {
        "tokens": tokens,
        "token_logprobs": [_told(own[1]) for own, *_ in chances],
        "top_logprobs": [{text: _told(logprob) for text, logprob in others} for _, *others in chances],
        "text_offset": list(accumulate(map(len, tokens[:-1]), initial=offset)) if tokens else [],
    }


def _told(logprob: float) -> float:
    return max(logprob, LEAST_LOGPROB)


def head_of(shape: Shape, id_: str, model: str) -> dict[str, Any]:
    """What every answer and every chunk of one reply begins with."""
    return {"id": f"{shape.id_prefix}{id_}", "created": int(time.time()), "model": model}
