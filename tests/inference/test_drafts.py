"""A table of drafts is taken for the weights that it was counted with, for no others; a damaged one does no harm."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors.numpy import save_file

from inference import model_files
from inference.serving import drafts
from inference.serving.drafts import Drafts
from inference.serving.lookup import Lookup
from inference.serving.prepare import PACKAGE

SHA256 = "a" * 64
TABLE = Drafts({int(drafts.hashes(np.array([token]))[0, 0]): token + 1 for token in range(50)})


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    drafts.save(TABLE, tmp_path / drafts.FILE, SHA256)
    loaded = drafts.load(tmp_path, SHA256, 100)
    assert loaded is not None
    assert [loaded.guess([token]) for token in (0, 49, 50)] == [1, 50, None]


def test_without_a_table_there_is_none(tmp_path: Path) -> None:
    assert drafts.load(tmp_path, SHA256, 100) is None


def test_a_table_of_other_weights_is_not_taken(tmp_path: Path) -> None:
    drafts.save(TABLE, tmp_path / drafts.FILE, "b" * 64)
    assert drafts.load(tmp_path, SHA256, 100) is None


def rows(*values: int) -> np.ndarray:
    return np.array(values, np.uint32)


@pytest.mark.parametrize(
    ("contexts", "tokens"),
    [
        (rows(1, 2), rows(1)),
        (rows(1, 2), rows(1, 100)),
        (rows(1, 2).astype(np.int64), rows(1, 2)),
        (rows(1, 2)[:, None], rows(1, 2)[:, None]),
    ],
)
def test_a_table_that_cannot_be_right_is_left_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, contexts: np.ndarray, tokens: np.ndarray
) -> None:
    about = {"v": drafts.VERSION, "base_model_sha256": SHA256}
    save_file({"contexts": contexts, "tokens": tokens}, tmp_path / drafts.FILE, about)
    with caplog.at_level(logging.WARNING):
        assert drafts.load(tmp_path, SHA256, 100) is None
    assert "is damaged, so replies guess from their own text alone" in caplog.text


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float8_e4m3fn, torch.int32])
def test_a_table_of_numbers_of_another_kind_is_left(tmp_path: Path, kind: torch.dtype) -> None:
    numbers = torch.zeros(2).to(kind)
    about = {"v": drafts.VERSION, "base_model_sha256": SHA256}
    safetensors.torch.save_file({"contexts": numbers, "tokens": numbers.clone()}, tmp_path / drafts.FILE, about)
    assert drafts.load(tmp_path, SHA256, 100) is None


@pytest.mark.parametrize("content", [b"", b"no table", b"\xff" * 100])
def test_what_is_no_table_is_left_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes) -> None:
    (tmp_path / drafts.FILE).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert drafts.load(tmp_path, SHA256, 100) is None
    assert "is damaged" in caplog.text


def test_a_table_cut_short_is_left(tmp_path: Path) -> None:
    drafts.save(TABLE, tmp_path / drafts.FILE, SHA256)
    whole = (tmp_path / drafts.FILE).read_bytes()
    (tmp_path / drafts.FILE).write_bytes(whole[:-20])
    assert drafts.load(tmp_path, SHA256, 100) is None


@pytest.mark.model
def test_parley_brings_the_table_of_its_own_model(real_folder: Path) -> None:
    table = drafts.load(real_folder, model_files.base_model_sha256(real_folder), 49152)
    assert table is not None, f"The table is not of the weights in {PACKAGE}; count anew."
    assert len(table.followers) > 50_000


def test_a_text_is_asked_before_the_table() -> None:
    lookup = Lookup(TABLE)
    assert lookup.guess([1, 2, 3], 0) == []
    assert lookup.guess([1, 2, 3], 3) == [4]
    assert lookup.guess([1, 2, 3, 9, 8, 1, 2], 3) == [3, 9, 8]
