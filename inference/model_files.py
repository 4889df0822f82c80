"""Where a base model's files lie and which they are, by hash. Knows nothing of torch, so that it answers at once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

BUNDLED = "bundled"
BUNDLED_FOLDER = "smollm2-135m-instruct"
BUNDLED_EMBEDDER_FOLDER = "all-minilm-l6-v2"
MANIFEST = "manifest.json"
MANIFEST_VERSION = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a prepared folder was made from, and the sha256 of each of its weights files."""

    source_sha256: str
    weights: dict[str, str]


def resolve(model: str, models_dir: Path) -> str:
    """What an engine loads for `model`: the prepared bundled model, an existing folder, or a hub id as it is."""
    return str(models_dir / BUNDLED_FOLDER) if model == BUNDLED else model


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of `folder`; None when there is none that can be read and fits the weights' sizes."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        weights = content["weights"]
        expected = {name: entry["bytes"] for name, entry in weights.items()}
        manifest = Manifest(content["source_sha256"], {name: entry["sha256"] for name, entry in weights.items()})
        is_known = content["v"] == MANIFEST_VERSION
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    found = {path.name: path.stat().st_size for path in folder.glob("*.safetensors")}
    return manifest if is_known and found and found == expected else None


def write_manifest(folder: Path, source_sha256: str) -> None:
    weights = {
        path.name: {"sha256": sha256_of(path), "bytes": path.stat().st_size}
        for path in sorted(folder.glob("*.safetensors"))
    }
    content = {"v": MANIFEST_VERSION, "source_sha256": source_sha256, "weights": weights}
    (folder / MANIFEST).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def base_model_sha256(folder: Path) -> str:
    """One hash for all weights: sha256 over the sorted sha256s of the safetensors files, a line each.

    Raises OSError with a sentence when there are none.
    """
    manifest = read_manifest(folder)
    hashes = list(manifest.weights.values()) if manifest else [sha256_of(p) for p in folder.glob("*.safetensors")]
    if not hashes:
        raise OSError(f"{folder} holds no safetensors files, and weights in other formats are not loaded.")
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()
