"""In float32 a greedy reply has the very tokens of transformers' generate, whatever else is in the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from inference.contract import ChatMessage, EngineConfig
from inference.serving.engine import TransformersEngine
from tests.inference.listening import Listener, ask, ids_of

QUESTIONS = [
    "What is the capital of France?",
    "Write a haiku about rain.",
    "用一句话介绍北京。",
    "Name three colours.",
    "How do I boil an egg? " * 12,
    "Is 17 a prime number?",
    "Translate 'good morning' to Spanish.",
    "Why is the sky blue?",
]
Reference = tuple[PreTrainedModel, PreTrainedTokenizerBase]


def load(folder: Path) -> Reference:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), AutoTokenizer.from_pretrained(
        folder
    )


def generate(reference: Reference, text: str, max_tokens: int) -> tuple[int, ...]:
    model, tokenizer = reference
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.inference_mode():
        output = model.generate(**prompt, do_sample=False, max_new_tokens=max_tokens)
    return tuple(output[0, prompt["input_ids"].shape[1] :].tolist())


def test_rows_that_come_and_go_do_not_change_each_other(tiny: Listener, tiny_folder: Path) -> None:
    reference = load(tiny_folder)
    # Different lengths, so that rows end in the middle of the batch while others are still being read.
    requests = [ask(text, max_tokens=10 + 7 * i) for i, text in enumerate(QUESTIONS * 2)]
    for request, events in zip(requests, tiny.run(*requests), strict=True):
        expected = generate(reference, request.messages[0].text, request.sampling.max_tokens)
        assert ids_of(events) == expected


def test_a_prompt_of_several_chunks_beyond_the_first_cache_is_read_right(tiny: Listener, tiny_folder: Path) -> None:
    long = "rivers and boats " * 140
    short, events = tiny.run(ask("Short", max_tokens=100), ask(long, max_tokens=40))
    assert events[0].prompt is not None
    assert events[0].prompt.tokens > 520
    reference = load(tiny_folder)
    assert ids_of(events) == generate(reference, long, 40)
    assert ids_of(short) == generate(reference, "Short", 100)


@pytest.mark.model
def test_the_real_model_in_float32_writes_what_generate_writes(real_folder: Path, start) -> None:
    listener = start(TransformersEngine(EngineConfig(str(real_folder), dtype="float32")))
    requests = [ask(text, max_tokens=24) for text in QUESTIONS]
    replies = listener.run(*requests)
    reference = load(real_folder)
    for text, events in zip(QUESTIONS, replies, strict=True):
        assert ids_of(events) == generate(reference, text, 24)


@pytest.mark.model
def test_the_real_model_in_bfloat16_knows_the_capital_of_france(real_folder: Path, start) -> None:
    listener = start(TransformersEngine(EngineConfig(str(real_folder), dtype="bfloat16")))
    messages = (ChatMessage("system", "You are a helpful assistant."), ChatMessage("user", QUESTIONS[0]))
    (events,) = listener.run(ask(messages=messages, max_tokens=40))
    assert "Paris" in "".join(event.delta for event in events)
    assert events[-1].finish_reason == "stop"
