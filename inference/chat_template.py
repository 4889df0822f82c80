"""Messages -> token ids: the one template for training and serving. Knows nothing of engines or datasets.

What people write stays text: a control token that somebody types is encoded as the letters it consists of,
so it can neither end a message nor open a turn.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING

from jinja2 import TemplateError

from inference.contract import ChatMessage, EngineFailure, PromptInfo

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


# System messages that are remembered: one of the installation, one of each site, and those that people write.
MOST_OPENINGS = 100


class PromptError(Exception):
    """The messages cannot be read by the model; `failure` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = EngineFailure(code, message, retryable=False)


@dataclass(frozen=True, slots=True)
class Prompt:
    token_ids: tuple[int, ...]
    info: PromptInfo


@dataclass(frozen=True, slots=True)
class Turn:
    """A prompt as it is served and the answer to it as an engine would write it: what training reads."""

    prompt_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]
    dropped_messages: int = 0

    @property
    def token_ids(self) -> tuple[int, ...]:
        return self.prompt_ids + self.answer_ids

    @property
    def answer_mask(self) -> tuple[bool, ...]:
        """True where a token of `token_ids` belongs to the answer."""
        return (False,) * len(self.prompt_ids) + (True,) * len(self.answer_ids)


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
        self._openings: dict[str | None, tuple[int, ...]] = {}
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

    def opening(self, messages: Sequence[ChatMessage], token_ids: Sequence[int]) -> int:
        """How many of the first `token_ids` are the same whatever is said after the system message of `messages`."""
        system = messages[0].text if messages and messages[0].role == "system" else None
        same = takewhile(lambda pair: pair[0] == pair[1], zip(self._before_anything(system), token_ids, strict=False))
        return sum(1 for _ in same)

    def _before_anything(self, system: str | None) -> tuple[int, ...]:
        if system not in self._openings:
            if len(self._openings) >= MOST_OPENINGS:
                self._openings.clear()
            head = [] if system is None else [ChatMessage("system", system)]
            self._openings[system] = self.encode([*head, ChatMessage("user", "")], add_generation_prompt=False)
        return self._openings[system]

    def encode_answer(self, text: str) -> tuple[int, ...]:
        """The token ids with which an engine would write `text` and end.

        The answer is encoded apart from its prompt, because an engine continues after the prompt's ids: tokens that
        would reach across the border never occur. Raises PromptError when the template writes answers differently
        after a generation prompt, for instance with thoughts before them.
        """
        return (*self.encode_beginning(text), *self._end_of_answer)

    def encode_beginning(self, text: str) -> tuple[int, ...]:
        """The token ids with which an engine would begin an answer by `text`."""
        ids = self._tokenizer.apply_chat_template(
            [{"role": "assistant", "content": text}],
            chat_template="{{ messages[0]['content'] }}",
            sanitize_control_tokens=True,
            return_dict=False,
        )
        return tuple(ids)

    @cached_property
    def _end_of_answer(self) -> tuple[int, ...]:
        """The ids that the template writes after an answer, as far as the control token at which an engine stops."""
        question, answer = {"role": "user", "content": "Question"}, {"role": "assistant", "content": "Answer"}
        prompt = self._tokenizer.apply_chat_template([question], tokenize=False, add_generation_prompt=True)
        whole = self._tokenizer.apply_chat_template([question, answer], tokenize=False)
        if not whole.startswith(prompt + "Answer"):
            raise PromptError(
                "training.template_unsuitable",
                "The model's chat template does not write an answer where it lets the model begin one, so the model "
                "cannot be trained on answers.",
            )
        ids = tuple(self._tokenizer.encode(whole[len(prompt + "Answer") :], add_special_tokens=False))
        controls = self._tokenizer.added_tokens_decoder
        return ids[: next((at + 1 for at, token_id in enumerate(ids) if token_id in controls), len(ids))]

    def fit_turn(self, messages: Sequence[ChatMessage], answer: str, max_length: int) -> Turn:
        """`messages` and the whole `answer` to them in at most `max_length` tokens; the oldest messages are dropped.

        Raises PromptError (`generation.prompt_too_long`) when not even the last message and the answer fit.
        """
        answer_ids = self.encode_answer(answer)
        prompt = self.fit_to_context(messages, len(answer_ids), max_length)
        return Turn(prompt.token_ids, answer_ids, prompt.info.dropped_messages)

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
