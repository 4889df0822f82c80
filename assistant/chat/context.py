"""What the engine is given to answer: the visible path up to the question, as a GenerationRequest.

Knows nothing of tokens: the engine counts them and leaves out the oldest messages when they do not fit.
"""

from __future__ import annotations

from django.conf import settings

from assistant.adapters.registry import reference_to
from assistant.chat.branches import path_to
from assistant.chat.models import Generation, Message
from inference.contract import ChatMessage, GenerationRequest, Role, SamplingParams

_ROLES: dict[str, Role] = {
    Message.Role.SYSTEM: "system",
    Message.Role.USER: "user",
    Message.Role.ASSISTANT: "assistant",
}


def sampling_of(generation: Generation) -> SamplingParams:
    """The stored parameters; fields of a newer version are ignored."""
    known = {name: generation.sampling[name] for name in SamplingParams.__slots__ if name in generation.sampling}
    return SamplingParams(**{**known, "stop": tuple(known.get("stop", ()))})


def request_for(generation: Generation, prefix_token_ids: tuple[int, ...]) -> GenerationRequest:
    """Build the request of a claimed generation; replies that never got a word are left out."""
    assert generation.reply.parent is not None
    path = path_to(generation.reply.parent)
    messages = [ChatMessage(_ROLES[message.role], message.text) for message in path if message.text]
    if messages[0].role != "system":
        told_first = generation.conversation.system_message or settings.SYSTEM_MESSAGE
        messages.insert(0, ChatMessage("system", told_first))
    return GenerationRequest(
        generation_id=str(generation.id),
        messages=tuple(messages),
        sampling=sampling_of(generation),
        adapter=reference_to(generation.adapter),
        prefix_token_ids=prefix_token_ids,
    )
