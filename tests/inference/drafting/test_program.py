"""The program lets a model talk with itself, counts, and writes a table for its engine; or it says what was wrong."""

from __future__ import annotations

import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from inference import model_files
from inference.drafting.conversing import ANSWER_TOKENS, QUESTION_TOKENS, Conversing
from inference.drafting.run import draft
from inference.serving import drafts
from inference.serving.torch_backend import TorchBackend
from tests.inference.conftest import REPOSITORY


def command(folder: Path, *options: str) -> list[str]:
    how = ["--model", str(folder), "--backend", "torch", "--threads", "1"]
    return [sys.executable, "-m", "inference.drafting", *how, *options]


def conversing(folder: Path, tokenizer: PreTrainedTokenizerFast, seed: int) -> Conversing:
    return Conversing(TorchBackend(folder, "float32"), tokenizer, frozenset({tokenizer.eos_token_id}), seed)


def test_the_model_asks_and_answers(tiny_folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    answers = list(islice(conversing(tiny_folder, tokenizer, 1).answers(), 5))
    assert len({answer.prompt_ids for answer in answers}) == 5
    for answer in answers:
        text = tokenizer.decode(answer.prompt_ids)
        assert text.startswith("<|im_start|>user\n")
        assert text.endswith("<|im_end|>\n<|im_start|>assistant\n")
        assert len(answer.prompt_ids) <= 4 * QUESTION_TOKENS
        assert 0 < len(answer.token_ids) <= ANSWER_TOKENS
        assert len(answer.likeliest) == len(answer.token_ids)
        assert answer.token_ids[-1] == tokenizer.eos_token_id or len(answer.token_ids) == ANSWER_TOKENS


def test_the_same_seed_has_the_same_conversations(tiny_folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    one, same, other = (list(islice(conversing(tiny_folder, tokenizer, seed).answers(), 2)) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_what_is_likeliest_is_what_the_model_says(tiny_folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    answer = next(conversing(tiny_folder, tokenizer, 3).answers())
    network = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32)
    with torch.inference_mode():
        logits = network(torch.tensor([[*answer.prompt_ids, *answer.token_ids]])).logits[0]
    expected = logits.argmax(-1).tolist()[len(answer.prompt_ids) - 1 : -1]
    assert list(answer.likeliest) == expected


def test_the_table_lies_with_the_model_and_is_of_its_weights(tiny_folder: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        command(tiny_folder, "--tokens", "2000", "--out", str(tmp_path / drafts.FILE)),
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "would have been guessed right" in done.stdout
    sha256 = model_files.base_model_sha256(tiny_folder)
    table = drafts.load(tmp_path, sha256, 421)
    assert table is not None
    assert len(table)
    assert [path.name for path in tmp_path.iterdir()] == [drafts.FILE]


def test_stopped_it_leaves_what_was_there(tiny_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / drafts.FILE
    out.write_text("before")
    with subprocess.Popen(
        command(tiny_folder, "--out", str(out)), cwd=REPOSITORY, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr
        for line in running.stderr:
            if line.startswith("The model talks with itself"):
                running.send_signal(signal.SIGTERM)
                break
        said = running.stderr.read()
    assert running.returncode == 130
    assert "Stopped; nothing was written." in said
    assert out.read_text() == "before"


def test_the_program_says_what_was_wrong(tmp_path: Path) -> None:
    done = subprocess.run(
        command(tmp_path / "nothing"), cwd=REPOSITORY, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Nothing could be counted: There is no model in")


def test_at_least_a_token_is_counted(tiny_folder: Path) -> None:
    with pytest.raises(ValueError, match="At least one token"):
        draft(str(tiny_folder), 0, None, "torch")
