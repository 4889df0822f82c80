"""Counts, tells how often what was counted is right, and writes it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from inference import model_files, pretrained
from inference.contract import EngineConfig
from inference.drafting.conversing import Conversing
from inference.drafting.counting import Counting, share_right
from inference.serving import backends, drafts

SEED = 1
# Of so many answers one is not counted, but told from what was.
HELD_OUT = 20


@dataclass(frozen=True, slots=True)
class Report:
    """`right` is the share of the `held_out` tokens that would have been guessed right."""

    path: Path
    tokens: int
    contexts: int
    held_out: int
    right: float


def draft(model: str, tokens: int, out: Path | None, backend: Literal["auto", "torch", "native", "cuda"]) -> Report:
    """Count `tokens` tokens of the model's conversations with itself, and write the table to `out` or into the model's
    folder. What stood there stays until all is counted. Raises OSError, ValueError or PromptError with a sentence."""
    if tokens < 1:
        raise ValueError("At least one token must be counted.")
    folder = pretrained.local_folder(model)
    path = out or folder / drafts.FILE
    sha256 = model_files.base_model_sha256(folder)
    tokenizer = pretrained.load_tokenizer(folder)
    end_ids = pretrained.end_ids(pretrained.generation_config(folder), tokenizer)
    computing = backends.load(EngineConfig(model=str(folder), backend=backend), folder)
    answers = Conversing(computing, tokenizer, end_ids, SEED).answers()
    held_out, counting = [next(answers)], Counting()
    print("The model talks with itself", file=sys.stderr, flush=True)
    with tqdm(total=tokens, unit="token", unit_scale=True, disable=None) as bar:
        for number, answer in enumerate(answers, 1):
            if number % HELD_OUT == 0:
                held_out.append(answer)
                continue
            counting.add(answer)
            bar.update(len(answer.token_ids))
            if counting.tokens >= tokens:
                break
    table = counting.drafts()
    unready = path.with_name(f".{path.name}-unready")
    drafts.save(table, unready, sha256)
    unready.replace(path)
    held_tokens = sum(len(answer.token_ids) for answer in held_out)
    return Report(path, counting.tokens, len(table), held_tokens, share_right(table, held_out))
