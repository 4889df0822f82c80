"""A table of drafts is taken for the weights that it was counted with, for no others; a damaged one does no harm."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from inference import model_files
from inference.serving import drafts
from inference.serving.drafts import Drafts
from inference.serving.lookup import Lookup
from inference.serving.prepare import PACKAGE

SHA256 = "a" * 64
TABLE = Drafts(drafts.hashes(np.arange(50))[0], np.arange(1, 51, dtype=np.uint32), np.full(50, 128, np.uint8))


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    drafts.save(TABLE, tmp_path / drafts.FILE, SHA256)
    loaded = drafts.load(tmp_path, SHA256, 100)
    assert loaded is not None
    assert [loaded.guess([token]) for token in (0, 49, 50)] == [(1, 0.5), (50, 0.5), None]


def test_without_a_table_there_is_none(tmp_path: Path) -> None:
    assert drafts.load(tmp_path, SHA256, 100) is None


def test_a_table_of_other_weights_is_not_taken(tmp_path: Path) -> None:
    drafts.save(TABLE, tmp_path / drafts.FILE, "b" * 64)
    assert drafts.load(tmp_path, SHA256, 100) is None


def rows(*values: int) -> np.ndarray:
    return np.array(values, np.uint32)


def shares(*values: int) -> np.ndarray:
    return np.array(values, np.uint8)


@pytest.mark.parametrize(
    ("contexts", "tokens", "chances"),
    [
        (rows(1, 2), rows(1), shares(1, 2)),
        (rows(1, 2), rows(1, 2), shares(1)),
        (rows(1, 2), rows(1, 100), shares(1, 2)),
        (rows(2, 1), rows(1, 2), shares(1, 2)),
        (rows(1, 1), rows(1, 2), shares(1, 2)),
        (rows(1, 2).astype(np.int64), rows(1, 2), shares(1, 2)),
        (rows(1, 2), rows(1, 2), rows(1, 2)),
        (rows(1, 2)[:, None], rows(1, 2)[:, None], shares(1, 2)[:, None]),
    ],
)
def test_a_table_that_cannot_be_right_is_left_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, contexts: np.ndarray, tokens: np.ndarray, chances: np.ndarray
) -> None:
    about = {"v": drafts.VERSION, "base_model_sha256": SHA256}
    save_file({"contexts": contexts, "tokens": tokens, "chances": chances}, tmp_path / drafts.FILE, about)
    with caplog.at_level(logging.WARNING):
        assert drafts.load(tmp_path, SHA256, 100) is None
    assert "is of no use, so replies guess from their own text alone" in caplog.text


def test_a_table_made_up_to_be_slow_is_left_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All of its contexts have the same place, so each would be looked for through all others."""
    to_the_first_place = pow(0x9E3779B1, -1, 1 << 32)
    contexts = np.sort((np.arange(1, 2000, dtype=np.uint64) * to_the_first_place & 0xFFFFFFFF).astype(np.uint32))
    tensors = {"contexts": contexts, "tokens": np.zeros_like(contexts), "chances": np.ones(len(contexts), np.uint8)}
    save_file(tensors, tmp_path / drafts.FILE, {"v": drafts.VERSION, "base_model_sha256": SHA256})
    with caplog.at_level(logging.WARNING):
        assert drafts.load(tmp_path, SHA256, 100) is None
    assert "not spread" in caplog.text


def test_a_table_that_another_version_counted_is_left_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_file({"contexts": rows(1), "tokens": rows(1)}, tmp_path / drafts.FILE, {"v": "1", "base_model_sha256": SHA256})
    with caplog.at_level(logging.WARNING):
        assert drafts.load(tmp_path, SHA256, 100) is None
    assert "`manage.py model drafts` counts anew" in caplog.text


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float8_e4m3fn, torch.int32])
def test_a_table_of_numbers_of_another_kind_is_left(tmp_path: Path, kind: torch.dtype) -> None:
    numbers = torch.zeros(2).to(kind)
    about = {"v": drafts.VERSION, "base_model_sha256": SHA256}
    tensors = {"contexts": numbers, "tokens": numbers.clone(), "chances": numbers.clone()}
    safetensors.torch.save_file(tensors, tmp_path / drafts.FILE, about)
    assert drafts.load(tmp_path, SHA256, 100) is None


@pytest.mark.parametrize("content", [b"", b"no table", b"\xff" * 100])
def test_what_is_no_table_is_left_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes) -> None:
    (tmp_path / drafts.FILE).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert drafts.load(tmp_path, SHA256, 100) is None
    assert "is of no use" in caplog.text


def test_a_table_cut_short_is_left(tmp_path: Path) -> None:
    drafts.save(TABLE, tmp_path / drafts.FILE, SHA256)
    whole = (tmp_path / drafts.FILE).read_bytes()
    (tmp_path / drafts.FILE).write_bytes(whole[:-20])
    assert drafts.load(tmp_path, SHA256, 100) is None


@pytest.mark.model
def test_parley_brings_the_table_of_its_own_model(real_folder: Path) -> None:
    table = drafts.load(real_folder, model_files.base_model_sha256(real_folder), 49152)
    assert table is not None, f"The table is not of the weights in {PACKAGE}; count anew."
    assert len(table) > 50_000


def table_of(entries: Mapping[tuple[int, ...], tuple[int, float]]) -> Drafts:
    """What follows which contexts, with which chance."""
    hashes = [drafts.hashes(np.array(context))[len(context) - 1, -1] for context in entries]
    tokens, chances = zip(*entries.values(), strict=True) if entries else ((), ())
    in_steps = (np.array(chances) * drafts.STEPS).astype(np.uint8)
    return Drafts(np.array(hashes, np.uint32), np.array(tokens, np.uint32), in_steps)


@given(
    st.dictionaries(
        st.lists(st.integers(0, 49_151), min_size=1, max_size=drafts.MOST_TOKENS).map(tuple),
        st.tuples(st.integers(0, 99), st.sampled_from([0.25, 0.5])),
        max_size=60,
    ),
    st.lists(st.integers(0, 49_151), max_size=6),
)
def test_the_longest_context_that_is_known_is_asked(
    entries: dict[tuple[int, ...], tuple[int, float]], history: list[int]
) -> None:
    table = table_of(entries)
    assert len(table) == len(entries)
    for text in (history, *([*history, *context] for context in entries)):
        known = [entries.get(tuple(text[-size:])) for size in range(drafts.MOST_TOKENS, 0, -1) if size <= len(text)]
        assert table.guess(text) == next((entry for entry in known if entry), None)
    copy = Drafts(**table.columns())
    assert all(copy.guess(context) == entry for context, entry in entries.items())


def test_a_text_is_asked_before_the_table() -> None:
    lookup = Lookup(TABLE)
    assert lookup.guess([1, 2, 3], 0) == []
    assert lookup.guess([1, 2, 3], 1) == [4]
    assert lookup.guess([1, 2, 3, 9, 8, 1, 2], 3) == [3, 9, 8]


@pytest.mark.parametrize(
    ("chances", "guesses"),
    [
        ((0.9, 0.9, 0.9, 0.9), [2, 3, 4]),
        ((0.7, 0.7, 0.5, 0.9), [2, 3]),
        ((0.1, 0.9, 0.9, 0.9), [2]),
        ((0.9, 0.1, 0.9, 0.9), [2]),
    ],
)
def test_a_table_guesses_on_while_all_its_guesses_are_likely_right(
    chances: Sequence[float], guesses: list[int]
) -> None:
    table = table_of({(token,): (token + 1, chance) for token, chance in enumerate(chances, 1)})
    assert Lookup(table).guess([1], 3) == guesses
