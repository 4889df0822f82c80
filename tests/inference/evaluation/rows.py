"""Snapshots for the tests, with as much in them as evaluation reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def correction(name: str, question: str, gold: str, group: str | None = None) -> Row:
    prompt = [{"role": "user", "content": question}]
    completion = [{"role": "assistant", "content": gold}]
    return {"id": name, "kind": "sft", "prompt": prompt, "completion": completion, "group": group or name}


def preference(name: str, question: str, chosen: str, rejected: str) -> Row:
    return {
        "id": name,
        "kind": "preference",
        "prompt": [{"role": "user", "content": question}],
        "chosen": [{"role": "assistant", "content": chosen}],
        "rejected": [{"role": "assistant", "content": rejected}],
        "group": name,
    }


def snapshot(folder: Path, *, train: Sequence[Row] = (), dev: Sequence[Row] = (), test: Sequence[Row] = ()) -> Path:
    folder.mkdir(parents=True)
    for split, rows in (("train", train), ("dev", dev), ("test", test)):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder
