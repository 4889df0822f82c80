"""What the engine is given to answer: the visible path up to the question, as a GenerationRequest.

Knows nothing of tokens: the engine counts them and leaves out the oldest messages when they do not fit.
"""

from __future__ import annotations

from django.conf import settings

from assistant.adapters.registry import reference_to
from assistant.chat.branches import path_to
from assistant.chat.models import Conversation, Generation, Message
from inference.contract import ChatMessage, GenerationRequest, OutputFormat, Role, SamplingParams

_ROLES: dict[str, Role] = {
    Message.Role.SYSTEM: "system",
    Message.Role.USER: "user",
    Message.Role.ASSISTANT: "assistant",
    Message.Role.AGENT: "assistant",  # to the model, whoever answered
}


def sampling_of(generation: Generation) -> SamplingParams:
    """The stored parameters; fields of a newer version are ignored."""
    known = {name: generation.sampling[name] for name in SamplingParams.__slots__ if name in generation.sampling}
    bias = tuple((token_id, value) for token_id, value in known.get("logit_bias", ()))
    format_ = known.get("format")
    known["format"] = OutputFormat(format_["kind"], format_["text"]) if format_ else None
    return SamplingParams(**{**known, "stop": tuple(known.get("stop", ())), "logit_bias": bias})


def prompt_of(path: list[Message], conversation: Conversation) -> tuple[ChatMessage, ...]:
    """The messages up to a question as the model reads them; replies that never got a word are left out."""
    messages = [ChatMessage(_ROLES[message.role], message.text) for message in path if message.text]
    if messages[0].role != "system":
        messages.insert(0, ChatMessage("system", conversation.system_message or settings.SYSTEM_MESSAGE))
    return tuple(messages)


def request_for(
    generation: Generation, prefix_token_ids: tuple[int, ...] = (), prefix_text: str = ""
) -> GenerationRequest:
    """Build the request of a claimed generation."""
    assert generation.reply.parent is not None
    return GenerationRequest(
        generation_id=str(generation.id),
        messages=prompt_of(path_to(generation.reply.parent), generation.conversation),
        sampling=sampling_of(generation),
        adapter=reference_to(generation.adapter),
        prefix_token_ids=prefix_token_ids,
        prefix_text=prefix_text,
        owner=str(generation.conversation.owner_id),
    )
