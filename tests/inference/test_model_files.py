"""Which files a base model has, and that a prepared one is known again without loading anything."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from inference import model_files
from inference.serving.prepare import GGUF_SHA256, prepare


def test_a_model_is_a_prepared_folder_or_what_it_is_called(tmp_path: Path) -> None:
    assert model_files.resolve("bundled", tmp_path) == str(tmp_path / "smollm2-135m-instruct")
    assert model_files.resolve("some/model", tmp_path) == "some/model"
    assert prepare("/srv/models/mine", tmp_path) == "/srv/models/mine"


def weights(folder: Path) -> str:
    """Two files of weights and the hash they must have together."""
    hashes = []
    for name in ("b", "a"):
        (folder / f"{name}.safetensors").write_bytes(name.encode())
        hashes.append(hashlib.sha256(name.encode()).hexdigest())
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()


def test_the_hash_of_a_base_model_is_the_same_with_and_without_a_manifest(tmp_path: Path) -> None:
    expected = weights(tmp_path)
    assert model_files.base_model_sha256(tmp_path) == expected
    model_files.write_manifest(tmp_path, "source")
    assert model_files.base_model_sha256(tmp_path) == expected


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"weights": []}', '{"v": 99, "source_sha256": "", "weights": {}}']
)
def test_a_manifest_that_cannot_be_read_counts_as_none(tmp_path: Path, content: str) -> None:
    expected = weights(tmp_path)
    (tmp_path / model_files.MANIFEST).write_text(content)
    assert model_files.read_manifest(tmp_path) is None
    assert model_files.base_model_sha256(tmp_path) == expected


def test_weights_that_are_not_those_of_the_manifest_are_noticed(tmp_path: Path) -> None:
    weights(tmp_path)
    model_files.write_manifest(tmp_path, "source")
    (tmp_path / "a.safetensors").write_bytes(b"longer")
    assert model_files.read_manifest(tmp_path) is None


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no safetensors"):
        model_files.base_model_sha256(tmp_path)


@pytest.mark.model
def test_the_prepared_model_is_whole_and_is_not_made_twice(real_folder: Path) -> None:
    manifest = model_files.read_manifest(real_folder)
    assert manifest is not None
    assert manifest.source_sha256 == GGUF_SHA256
    for name, sha256 in manifest.weights.items():
        assert model_files.sha256_of(real_folder / name) == sha256
    made_at = (real_folder / model_files.MANIFEST).stat().st_mtime_ns
    assert prepare("bundled", real_folder.parent) == str(real_folder)
    assert (real_folder / model_files.MANIFEST).stat().st_mtime_ns == made_at


@pytest.mark.model
def test_the_prepared_tokenizer_keeps_digits_apart_as_the_model_learned_them(real_folder: Path) -> None:
    rules = json.loads((real_folder / "tokenizer.json").read_text(encoding="utf-8"))["pre_tokenizer"]
    assert [rule["type"] for rule in rules["pretokenizers"]] == ["Digits", "ByteLevel"]
