"""The part of a run that makes rows: done once, into a file beside the run, which a run that goes on reads again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.chat_template import ChatTemplate
from inference.embedding import Embedder
from inference.training import durable
from inference.training.augmentation.near_words import NearWords, near_words
from inference.training.augmentation.rows import Content, augment
from inference.training.augmentation.writing import written_questions
from inference.training.failure import writing
from inference.training.spec import TrainingSpec

ROWS, COUNTS = "augmented.jsonl", "augmented.json"
HELD_OUT = ("dev.jsonl", "test.jsonl")


def make_rows(
    spec: TrainingSpec,
    network: Any,
    tokenizer: Any,
    template: ChatTemplate,
    embedder: Embedder | None,
    tick: Callable[[int, int], None],
) -> dict[str, Any]:
    """Write ROWS into the output, unless it is there; returns the counts of rows and of refused questions."""
    output, snapshot = Path(spec.output), Path(spec.snapshot)
    if (output / COUNTS).exists():
        counts: dict[str, Any] = json.loads((output / COUNTS).read_text(encoding="utf-8"))
        return counts

    def write(cases: Sequence[tuple[str, str, str]]) -> Mapping[str, Sequence[str]]:
        return written_questions(network, tokenizer, template, cases, spec.augmentation.written, spec.seed, tick)

    held_out = [row for name in HELD_OUT if (snapshot / name).exists() for row in _read(snapshot / name)]
    near: NearWords | None = None
    if embedder and spec.augmentation.near_words:
        with writing(Path(spec.cache)):
            near = near_words(embedder, Path(spec.cache))
    made = augment(
        _read(snapshot / "train.jsonl"), held_out, spec.augmentation, spec.seed,
        # A dry run must not take as long as the run.
        write=None if spec.dry_run else write,
        embed=embedder.embed if embedder else None,
        near=near,
        refused=json.loads(Path(spec.refused).read_text(encoding="utf-8")) if spec.refused else None,
    )  # fmt: skip
    counts = {"rows": made.counts, "refused": made.refused}
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made.rows)
    with writing(output):
        durable.write_file(output / ROWS, lines.encode())
        if not spec.dry_run:
            durable.write_file(output / COUNTS, json.dumps(counts).encode())
    return counts


def _read(path: Path) -> list[Content]:
    # Lines end at "\n" alone: other separators may stand inside a text.
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
