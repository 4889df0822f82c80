"""A model's conversations with itself: given a chat's opening it writes what a person would say, and then answers.

Questions so got are as various as those that it was finetuned on (Magpie, arXiv:2406.08464), and nobody's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from inference.chat_template import ChatTemplate
from inference.contract import ChatMessage, SamplingParams
from inference.serving.backend import NO_ADAPTER, Backend
from inference.serving.sampling import SamplingRow, choose

ROWS = 16
QUESTION_TOKENS, ANSWER_TOKENS = 64, 320
LEAST_QUESTION = 4
# Questions shall differ, and answers be like those that people get, yet rarely go round in circles.
ASKING = SamplingParams(seed=0, temperature=1.0, top_p=0.98, max_tokens=QUESTION_TOKENS)
ANSWERING = SamplingParams(seed=0, temperature=0.7, top_p=0.9, max_tokens=ANSWER_TOKENS)


@dataclass(frozen=True, slots=True)
class Answer:
    """`token_ids` follow `prompt_ids`; `likeliest` are what the model held most likely in the place of each."""

    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    likeliest: tuple[int, ...]


@dataclass
class _Row:
    slot: int
    sampling: SamplingParams
    prompt_ids: tuple[int, ...]
    is_answering: bool = False
    read: int = 0  # tokens of the prompt and of what is written that the model has read
    written: list[int] = field(default_factory=list)
    likeliest: list[int] = field(default_factory=list)

    @property
    def history(self) -> list[int]:
        return [*self.prompt_ids, *self.written]


class Conversing:
    """Endless answers of the model in `backend`, of which nobody else uses anything; the same `seed`, the same ones."""

    def __init__(self, backend: Backend, tokenizer: Any, end_ids: frozenset[int], seed: int) -> None:
        self._backend, self._tokenizer, self._end_ids = backend, tokenizer, end_ids
        self._template = ChatTemplate(tokenizer)
        self._random = random.Random(seed)  # noqa: S311  # nosec B311  # no secret
        nothing = (ChatMessage("user", ""),)
        prompt = self._template.encode([ChatMessage("user", "x")])
        self._opening = prompt[: self._template.opening(nothing, prompt)]
        pages = -(-(len(prompt) + QUESTION_TOKENS + ANSWER_TOKENS) // backend.page_tokens)
        backend.reserve(pages * ROWS, ROWS)
        for slot in range(ROWS):
            backend.set_pages(slot, range(pages * slot, pages * (slot + 1)))
        self._room = pages * backend.page_tokens

    def answers(self) -> Iterator[Answer]:
        rows = [self._asking(slot) for slot in range(ROWS)]
        while True:
            logits = self._forward(rows)
            likeliest = logits.argmax(-1).tolist()
            sampling = [SamplingRow(row.sampling, row.history, len(row.written)) for row in rows]
            for index, (row, best, chosen) in enumerate(zip(rows, likeliest, choose(logits, sampling), strict=True)):
                if not chosen:
                    raise ValueError("The model computes something that is not a number.")
                row.written.append(chosen.token_id)
                row.likeliest.append(best)
                if chosen.token_id not in self._end_ids and len(row.written) < row.sampling.max_tokens:
                    continue
                if row.is_answering:
                    yield Answer(row.prompt_ids, tuple(row.written), tuple(row.likeliest))
                rows[index] = self._asking(row.slot) if row.is_answering else self._answering(row)

    def _asking(self, slot: int) -> _Row:
        return _Row(slot, self._seeded(ASKING), self._opening)

    def _answering(self, row: _Row) -> _Row:
        """The answer to what `row` asks; another question, where that is none."""
        asked = row.written[:-1] if row.written[-1] in self._end_ids else row.written
        question = self._tokenizer.decode(asked).strip()
        prompt = self._template.encode([ChatMessage("user", question)])
        if len(asked) < LEAST_QUESTION or len(prompt) + ANSWER_TOKENS > self._room:
            return self._asking(row.slot)
        return _Row(row.slot, self._seeded(ANSWERING), prompt, is_answering=True)

    def _seeded(self, sampling: SamplingParams) -> SamplingParams:
        return replace(sampling, seed=self._random.getrandbits(62))

    def _forward(self, rows: Sequence[_Row]) -> Any:
        """The logits after all of each row, [rows, vocabulary]."""
        ids: list[int] = []
        slots: list[int] = []
        positions: list[int] = []
        for row in rows:
            new = row.history[row.read :]
            ids += new
            slots += [row.slot] * len(new)
            positions += range(row.read, row.read + len(new))
            row.read += len(new)
        ends = np.flatnonzero(np.diff(slots, append=-1))
        arrays = [np.array(each, np.int32) for each in (ids, slots, positions, [NO_ADAPTER] * len(ids), ends)]
        return self._backend.forward(*arrays)
