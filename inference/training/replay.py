"""The base model's own answers to prompts of all kinds: replayed in training against forgetting, and held apart to
measure it. They need no data of others (self-distilled replay, https://openreview.net/forum?id=AmQVxvyRJC).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

from inference.chat_template import ChatTemplate, Turn
from inference.contract import ChatMessage
from inference.training import durable
from inference.training.rows import Row

ANCHORS = Path(__file__).with_name("anchors.txt")
TOGETHER = 6  # prompts answered at once
# Every fifth prompt is never trained on: what happens to the answers to it is what is called drift.
HELD_OUT_EVERY = 5


def read_anchors() -> list[str]:
    return ANCHORS.read_text(encoding="utf-8").splitlines()


def rows_of(answers: Sequence[Turn]) -> tuple[list[Row], list[Row]]:
    """The answers that are trained on, and those by which drift is measured."""
    rows = [Row(f"anchor {at}", "replay", (turn,)) for at, turn in enumerate(answers)]
    held_out = rows[::HELD_OUT_EVERY]
    return [row for row in rows if row not in held_out], held_out


class ReplayCache:
    """Answers of one base model at one precision, kept in a file, so that they are written once."""

    def __init__(self, folder: Path, base_sha256: str, template: ChatTemplate, dtype: torch.dtype, tokens: int) -> None:
        self._prompts = read_anchors()
        self._template = template
        self._max_tokens = tokens
        key = json.dumps([base_sha256, template.sha256, str(dtype), tokens, self._prompts])
        self.path = folder / f"replay-{hashlib.sha256(key.encode()).hexdigest()[:16]}.jsonl"

    @property
    def missing(self) -> int:
        """How many answers have still to be written."""
        return len(self._prompts) - len(self._read())

    def answers(self, network: Any, end_ids: frozenset[int], tick: Callable[[int, int], None]) -> list[Turn]:
        """All answers; the missing ones are written first. `tick` hears how many of how many there are."""
        prompts = [self._template.encode([ChatMessage("user", prompt)]) for prompt in self._prompts]
        answers = self._read()
        while len(answers) < len(prompts):
            tick(len(answers), len(prompts))
            batch = prompts[len(answers) : len(answers) + TOGETHER]
            answers += write_answers(network, batch, end_ids, self._max_tokens)
            lines = [json.dumps({"answer_ids": ids}) for ids in answers]
            durable.write_file(self.path, ("\n".join(lines) + "\n").encode())
        return [Turn(prompt, tuple(answer)) for prompt, answer in zip(prompts, answers, strict=True)]

    def _read(self) -> list[list[int]]:
        if not self.path.exists():
            return []
        return [json.loads(line)["answer_ids"] for line in self.path.read_text(encoding="utf-8").splitlines()]


@torch.inference_mode()
def write_answers(
    network: Any, prompts: Sequence[Sequence[int]], end_ids: frozenset[int], max_tokens: int
) -> list[list[int]]:
    """Greedy answers of at most `max_tokens` tokens; one that ends has its end token, one that is cut has none."""
    pad = min(end_ids)
    width = max(len(prompt) for prompt in prompts)
    padded = [[pad] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    seen = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    # The model's own generation settings may ask for penalties; these are switched off by name.
    greedy = GenerationConfig(
        do_sample=False, max_new_tokens=max_tokens, repetition_penalty=1.0, eos_token_id=list(end_ids), pad_token_id=pad
    )
    output: Tensor = network.generate(
        torch.tensor(padded, device=network.device),
        attention_mask=torch.tensor(seen, device=network.device),
        generation_config=greedy,
    )
    return [_as_far_as_the_end(ids, end_ids) for ids in output[:, width:].tolist()]


def _as_far_as_the_end(ids: list[int], end_ids: frozenset[int]) -> list[int]:
    return ids[: next((at + 1 for at, token_id in enumerate(ids) if token_id in end_ids), len(ids))]
