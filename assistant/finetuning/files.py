"""The files of a snapshot: one JSONL per split and the manifest, in a folder that appears whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings

Lines = dict[str, list[str]]


def folder_of(sha256: str) -> Path:
    return Path(settings.DATA_DIR) / "snapshots" / sha256


def hash_of(lines: Lines) -> str:
    """The hash that names a snapshot: of its rows' canonical JSON, sorted, whatever the split."""
    return hashlib.sha256("\n".join(sorted(line for part in lines.values() for line in part)).encode()).hexdigest()


def file_hashes(lines: Lines) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in _contents(lines).items()}


def write(sha256: str, lines: Lines, manifest: dict[str, Any]) -> None:
    """Write all files beside the place where they belong, and put them there in one step."""
    folder = folder_of(sha256)
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    contents = _contents(lines) | {"manifest.json": json.dumps(manifest, ensure_ascii=False, indent=1).encode()}
    for name, data in contents.items():
        with (beside / name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    # There already: of a transaction that was rolled back after it had written the same rows.
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)


def _contents(lines: Lines) -> dict[str, bytes]:
    return {f"{split}.jsonl": "".join(f"{line}\n" for line in part).encode() for split, part in lines.items()}
