"""Has the base model itself ask what a text answers, in many ways. Knows nothing of which of them are any good."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

from inference import pretrained
from inference.chat_template import ChatTemplate
from inference.contract import ChatMessage

# Two ways of asking for it, since a small model follows each of them in its own narrow manner.
INSTRUCTIONS = (
    "Write one short question that a customer would ask and that this text answers. Write only the question.\n\n"
    "Text: {answer}",
    "Ask this in completely different words, as a customer would. Write only the question.\n\nQuestion: {question}",
)
MAX_TOKENS = 28
TEMPERATURE, TOP_P = 0.9, 0.95
# Rows that are written together: what a CPU's cache still holds.
TOGETHER = 8


@torch.inference_mode()
def written_questions(
    network: Any,
    tokenizer: Any,
    template: ChatTemplate,
    cases: Sequence[tuple[str, str, str]],
    count: int,
    seed: int,
    tick: Callable[[int, int], None],
) -> dict[str, list[str]]:
    """For each case (id, question, answer) `count` tries, by id. The draws depend on the seed and the case alone."""
    found: dict[str, list[str]] = {}
    for done, (row_id, question, answer) in enumerate(cases):
        tick(done, len(cases))
        tries: list[str] = []
        for at, instruction in enumerate(INSTRUCTIONS):
            text = instruction.format(question=question, answer=answer)
            prompt = template.encode([ChatMessage("user", text)])
            of_seed = hashlib.sha256(f"{seed}\0{row_id}\0{at}".encode()).digest()
            torch.manual_seed(int.from_bytes(of_seed[:8], "big") >> 1)
            wanted = (count + 1 - at) // len(INSTRUCTIONS)
            if wanted:
                tries += [_question(text) for text in _sampled(network, tokenizer, prompt, wanted)]
        found[row_id] = [text for text in dict.fromkeys(tries) if text]
    return found


def _sampled(network: Any, tokenizer: Any, prompt: Sequence[int], count: int) -> list[str]:
    end_ids = pretrained.end_ids(network.generation_config, tokenizer)
    config = GenerationConfig(
        do_sample=True, temperature=TEMPERATURE, top_p=TOP_P, top_k=0, num_return_sequences=count,
        max_new_tokens=MAX_TOKENS, repetition_penalty=1.0, eos_token_id=list(end_ids), pad_token_id=min(end_ids),
    )  # fmt: skip
    ids = torch.tensor([list(prompt)], device=network.device)
    output: Tensor = network.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)
    decoded: list[str] = tokenizer.batch_decode(output[:, len(prompt) :], skip_special_tokens=True)
    return decoded


def _question(text: str) -> str:
    """The first question of what was written; "" when there is none."""
    match = re.search(r"[^\n\"“”?？]{8,200}[?？]", text.strip().removeprefix("Question:"))
    return match.group(0).strip(" -*:\"'") if match else ""
