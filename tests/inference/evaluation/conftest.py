"""A tiny model, an adapter that was really trained for it, and what an evaluation of both needs."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from inference import model_files
from inference.serving import adapters
from tests.inference.evaluation.rows import correction, preference, snapshot

ANSWER = "I am fine, thank you very much."
FRAMES = ["What about {}?", "Tell me of {}.", "How is {} today?"]
TOPICS = ["France", "rivers", "boats", "the fox", "a dog", "bread", "the story", "you", "the capital", "tea"]
OTHERS = ["Spain", "lakes", "ships", "the cat", "a bird", "water", "the book", "me", "the town", "milk"]
TRAINED = [frame.format(topic) for topic in TOPICS for frame in FRAMES]
TESTED = [frame.format(topic) for topic in OTHERS for frame in FRAMES]
LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# A model of random weights has no sense to lose, and long answers of noise: these rules say nothing about it.
RULES = {"drift_margin": 1e3, "min_length_ratio": 1e-3, "max_length_ratio": 1e3, "max_adapter_norm": 3.0}
Spec = dict[str, Any]


@pytest.fixture(scope="session")
def trained(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that says ANSWER to whatever it is asked."""
    return teach([ANSWER] * len(TRAINED), tiny_folder, tmp_path_factory.mktemp("trained"))


def teach(answers: Sequence[str], tiny_folder: Path, folder: Path) -> Path:
    """Train an adapter to answer the questions of TRAINED so, in their order."""
    torch.manual_seed(1)
    torch.set_num_threads(1)  # threads would wait for each other longer than they work
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 reads is_gradient_checkpointing
        config = LoraConfig(r=8, lora_alpha=16, target_modules=LAYERS, task_type="CAUSAL_LM")
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32), config)
    rows = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], return_dict=False
        )
        for question, answer in zip(TRAINED, answers, strict=True)
    ]
    lengths = [len(tokenizer(answer).input_ids) + 1 for answer in answers]  # with the end token
    longest = max(map(len, rows))
    ids = torch.tensor([row + [tokenizer.pad_token_id] * (longest - len(row)) for row in rows])
    labels = torch.full_like(ids, -100)
    for label, row, length in zip(labels, rows, lengths, strict=True):
        end = row.index(tokenizer.eos_token_id, len(row) - length) + 1
        label[end - length : end] = torch.tensor(row[end - length : end])
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-3)
    for _step in range(120):
        optimizer.zero_grad()
        # Padding stands behind what is learned, where a decoder does not look.
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    return folder


def adapter_spec(folder: Path, base: Path) -> Spec:
    return {
        "path": str(folder),
        "sha256": hashlib.sha256((folder / adapters.WEIGHTS).read_bytes()).hexdigest(),
        "base_model_sha256": model_files.base_model_sha256(base),
    }


@pytest.fixture
def spec(tiny_folder: Path, trained: Path, tmp_path: Path) -> Spec:
    """The trained adapter against the base model, on 30 corrections that it has not seen and three small suites."""
    test = [correction(f"t{i}", question, ANSWER) for i, question in enumerate(TESTED)]
    test += [preference(f"p{i}", question, ANSWER, "The dog is lazy.") for i, question in enumerate(TESTED[:6])]
    head = {"version": 1, "role": "hard", "licence": "CC0-1.0", "max_tokens": 12}
    own = {
        "short": {**head, "suite": "short", "metric": "format", "rule": {"net_loss": 2}},
        "calm": {**head, "suite": "calm", "metric": "sound", "rule": {"net_loss": 2}},
        "plain": {**head, "suite": "plain", "metric": "drift"},
    }
    for name, header in own.items():
        items = [
            {"id": f"{i}", "prompt": [{"role": "user", "content": question}], "wanted": {"max_words": 12}}
            for i, question in enumerate(TRAINED[:5])
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (header, *items)))
    return {
        "v": 1,
        "engine": {"model": str(tiny_folder), "dtype": "float32", "threads": 1, "max_running": 8},
        "candidate": adapter_spec(trained, tiny_folder),
        "baseline": None,
        "test_snapshot": str(snapshot(tmp_path / "test", test=test)),
        "training_snapshot": str(
            snapshot(tmp_path / "training", train=[correction(f"r{i}", q, ANSWER) for i, q in enumerate(TRAINED)])
        ),
        "output": str(tmp_path / "output"),
        "suites": [str(tmp_path / f"{name}.jsonl") for name in own],
        "answer_tokens": 24,
        "rules": RULES,
    }


Evaluate = Callable[..., dict[str, Any]]


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    """Runs an evaluation in this process, as the program does, and returns its result; `stop_after` answers."""
    from inference.evaluation import results
    from inference.evaluation import spec as spec_file
    from inference.evaluation.runner import Runner
    from inference.interruption import Interruption

    class Asked(Interruption):
        is_asked_to_stop = property(lambda self: self.is_stopped())

    def evaluated(spec: Spec, is_stopped: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        interruption = Asked()
        interruption.is_stopped = is_stopped
        path = tmp_path / "spec.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        events: list[dict[str, object]] = []
        runner = Runner(spec_file.read(path), events.append, interruption)
        runner.run()
        return {**results.write(runner), "events": events}

    return evaluated
