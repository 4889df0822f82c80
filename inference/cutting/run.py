"""Chooses, writes, loads what was written, and compares it with the whole model."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from inference import model_files, pretrained
from inference.chat_template import ChatTemplate
from inference.cutting import choosing, writing
from inference.evaluation import fidelity, speed
from inference.serving import packages
from inference.serving.scratch import SCRATCH_PAGES, Scratch
from inference.serving.torch_backend import TorchBackend

REPORT = "cutting.json"
POSITIONS_TO_CHOOSE = 300
POSITIONS_TO_REPORT = 1200
PROMPT_TOKENS = 48


def cut(model: str, count: int, out: Path, dtype: str) -> dict[str, Any]:
    """Write `model` without `count` layers into `out` and return the report that lies in it. Until all is written there
    is no `out`. Raises OSError, ValueError or PromptError with a sentence."""
    if out.exists():
        raise ValueError(f"{out} exists already; name a folder that does not.")
    source = pretrained.local_folder(model)
    layers = writing.read_config(source)["num_hidden_layers"]
    if not 0 < count < layers:
        raise ValueError(f"The model has {layers} layers, of which 1 to {layers - 1} can be left out.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        new = Path(temporary) / "model"
        new.mkdir()
        report = _cut(source, count, new, dtype)
        (new / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        packages.move_into_place(new, out)
    return report


def _cut(source: Path, count: int, new: Path, dtype: str) -> dict[str, Any]:
    to_choose, to_report = fidelity.passages(ChatTemplate(pretrained.load_tokenizer(source)))
    to_choose = to_choose.with_positions(POSITIONS_TO_CHOOSE)
    to_report = to_report.with_positions(POSITIONS_TO_REPORT)
    whole, whole_scratch = _load(source, dtype)
    layers = whole.network.get_decoder().layers
    with _stage(1, "Trying which layers can be spared", choosing.tries(len(layers), count)) as bar:
        removals = choosing.choose(layers, whole_scratch.logits, to_choose, count, bar.update)
    with _stage(2, "Writing the smaller model", 1):
        writing.write(source, {removal.layer for removal in removals}, new)
    smaller, smaller_scratch = _load(new, dtype)
    with _stage(3, "Comparing it with the whole model", len(to_report.texts)) as bar:
        found = fidelity.compare(whole_scratch.logits, smaller_scratch.logits, to_report, bar.update)
    with _stage(4, "Measuring the speed of both", 2 * speed.ROUNDS) as bar:
        prompt = (to_report.head + to_report.texts[0])[:PROMPT_TOKENS]
        rates = speed.tokens_per_s([whole_scratch, smaller_scratch], prompt, bar.update)
    return {
        "v": 1,
        "source": source.name,
        "source_sha256": model_files.base_model_sha256(source),
        "base_model_sha256": model_files.base_model_sha256(new),
        "layers": [len(layers), len(layers) - count],
        "removals": [asdict(removal) for removal in removals],
        "parameters": [sum(one.numel() for one in model.network.parameters()) for model in (whole, smaller)],
        "bytes": [_bytes(source), _bytes(new)],
        "tokens_per_s": rates,
        "fidelity": asdict(found),
        "positions_to_choose": to_choose.positions,
        "dtype": whole.dtype,
        "device": whole.device,
        "threads": torch.get_num_threads(),
    }


def _load(folder: Path, dtype: str) -> tuple[TorchBackend, Scratch]:
    backend = TorchBackend(folder, dtype)
    backend.reserve(SCRATCH_PAGES, 1)
    return backend, Scratch(backend, 0, 0)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


@contextmanager
def _stage(number: int, what: str, steps: int) -> Iterator[tqdm[None]]:
    """A line that a log file can hold, and below it a bar where somebody looks on."""
    print(f"[{number}/4] {what}", file=sys.stderr, flush=True)
    with tqdm(total=steps, leave=False, disable=None) as bar:
        yield bar
