"""Snapshots and specs for runs on the tiny model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from inference.model_files import base_model_sha256

Row = dict[str, Any]


def user(text: str) -> Row:
    return {"role": "user", "content": text}


def assistant(text: str) -> Row:
    return {"role": "assistant", "content": text}


def sft(number: int, answer: str = "I am fine, thank you", **more: Any) -> Row:
    prompt = [user(f"How are you today, number {number}?")]
    return {"id": f"s{number}", "kind": "sft", "prompt": prompt, "completion": [assistant(answer)], **more}


def preference(number: int, **more: Any) -> Row:
    prompt = [{"role": "system", "content": "Be kind."}, user(f"What is {number}?")]
    chosen, rejected = assistant("A number, thank you"), assistant("the lazy dog " * (number % 3 + 1))
    row = {"id": f"p{number}", "kind": "preference", "prompt": prompt, "chosen": [chosen], "rejected": [rejected]}
    return row | more


def unpaired(number: int, label: bool, **more: Any) -> Row:
    prompt = [user(f"Write about river {number}")]
    content = {"completion": [assistant("rivers and boats" if label else "brown fox")], "label": label}
    return {"id": f"u{number}", "kind": "unpaired", "prompt": prompt, **content, **more}


def some_rows(count: int = 12) -> list[Row]:
    """Of each kind some, of different lengths and weights."""
    rows = [sft(i, "I am fine, thank you " * (i % 4 + 1), weight=1.0 - i % 3 / 4) for i in range(count)]
    rows += [preference(i) for i in range(count // 2)]
    return rows + [unpaired(i, i % 3 == 0) for i in range(count // 2)]


def write_rows(path: Path, rows: list[Row]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """The threads of one process wait for each other, and other tests run beside these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests, as one serves all runs of an installation."""
    return tmp_path_factory.mktemp("cache")


@dataclass(frozen=True)
class SpecWriter:
    """Writes a snapshot and a spec on the tiny model; the run is exact: one thread, float32."""

    base: Path
    cache: Path
    folder: Path

    def __call__(self, train: list[Row], dev: list[Row] | None = None, name: str = "run", **settings: Any) -> Path:
        snapshot = self.folder / f"{name}-snapshot"
        snapshot.mkdir(exist_ok=True)
        write_rows(snapshot / "train.jsonl", train)
        if dev is not None:
            write_rows(snapshot / "dev.jsonl", dev)
        spec = {
            "base_model": str(self.base),
            "base_model_sha256": base_model_sha256(self.base),
            "snapshot": str(snapshot),
            "output": str(self.folder / name),
            "cache": str(self.cache),
            "threads": 1,
            "dtype": "float32",
            "max_length": 256,
            "replay": {"max_tokens": 8},
            "ratings": {"min_rows": 0, "min_people": 0},
            "stopping": {"drift_budget": 100.0, "patience": 100},
            **settings,
        }
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(spec))
        return path


@pytest.fixture
def write_spec(tiny_folder: Path, tmp_path: Path, cache: Path) -> SpecWriter:
    return SpecWriter(tiny_folder, cache, tmp_path)
