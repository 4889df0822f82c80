"""Messages -> token ids: the one template for training and serving. Knows nothing of engines or datasets.

What people write stays text: a control token that somebody types is encoded as the letters it consists of,
so it can neither end a message nor open a turn.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import TemplateError

from inference.contract import ChatMessage, EngineFailure, PromptInfo

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class PromptError(Exception):
    """The messages cannot be read by the model; `failure` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = EngineFailure(code, message, retryable=False)


@dataclass(frozen=True, slots=True)
class Prompt:
    token_ids: tuple[int, ...]
    info: PromptInfo


class ChatTemplate:
    """The chat template of a fast tokenizer. Raises ValueError with a sentence when it has none."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        if not tokenizer.chat_template:
            raise ValueError("The model's tokenizer has no chat template; use a model that was made for chat.")
        if not tokenizer.is_fast:
            raise ValueError("The model has no fast tokenizer (tokenizer.json), which the chat template needs.")
        # Every added token counts as a control token, whether or not the template writes it. Only runs of white space
        # are left as they are: some tokenizers add these for brevity.
        tokenizer.chat_control_tokens = [
            token.content for token in tokenizer.added_tokens_decoder.values() if not token.content.isspace()
        ]
        self._tokenizer = tokenizer
        self.sha256 = hashlib.sha256(tokenizer.get_chat_template().encode()).hexdigest()

    def encode(self, messages: Sequence[ChatMessage], *, add_generation_prompt: bool = True) -> tuple[int, ...]:
        """The token ids of `messages`. Raises PromptError when the template refuses them."""
        try:
            ids = self._tokenizer.apply_chat_template(
                [{"role": message.role, "content": message.text} for message in messages],
                add_generation_prompt=add_generation_prompt,
                sanitize_control_tokens=True,
                return_dict=False,
            )
        except (TemplateError, ValueError) as error:
            raise PromptError("generation.prompt_invalid", f"The model cannot read these messages: {error}") from error
        return tuple(ids)

    def fit_to_context(self, messages: Sequence[ChatMessage], max_tokens: int, context_length: int) -> Prompt:
        """The newest messages that leave room for `max_tokens`; a system message at the head always stays.

        Raises PromptError (`generation.prompt_too_long`) when not even the last message fits.
        """
        head = 1 if messages and messages[0].role == "system" else 0
        system, turns = messages[:head], messages[head:]
        # What is dropped ends before a person's message: a conversation cannot begin with an answer.
        starts = [0, *(i for i in range(1, len(turns)) if turns[i].role != "assistant")]

        def fits(start: int) -> bool:
            return len(self.encode([*system, *turns[start:]])) + max_tokens <= context_length

        # Nearly always everything fits; otherwise search by halves, because each try encodes the whole text.
        start_at = 0 if fits(0) else bisect_left(starts, True, lo=1, key=fits)
        if start_at == len(starts):
            raise PromptError(
                "generation.prompt_too_long",
                f"The message is longer than the model can read: with {max_tokens} tokens kept for the reply, "
                f"{context_length - max_tokens} of {context_length} are left. Shorten it.",
            )
        dropped = starts[start_at]
        ids = self.encode([*system, *turns[dropped:]])
        return Prompt(ids, PromptInfo(len(ids), token_ids_sha256(ids), self.sha256, dropped))


def token_ids_sha256(token_ids: Sequence[int]) -> str:
    """sha256 of the ids as little-endian unsigned 32-bit numbers."""
    return hashlib.sha256(b"".join(i.to_bytes(4, "little") for i in token_ids)).hexdigest()
