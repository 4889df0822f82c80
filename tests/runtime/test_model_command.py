"""`manage.py model` does in one command what docs/operations.md says, and refuses what has no weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.inference.conftest import REPOSITORY, make_tiny_model


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "model", *words],
        cwd=REPOSITORY,
        env={**os.environ, "ENGINE_DTYPE": "float32", "ENGINE_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_model_in_use_is_cut_and_told_how_to_be_used(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    done = run("cut", "--drop", "1", "--out", str(tmp_path / "smaller"), MODEL=str(model))
    assert done.returncode == 0, done.stderr
    assert "| layers | 3 | 2 | 0.67 |" in done.stdout
    assert f"MODEL={tmp_path / 'smaller'} starts Parley with it." in done.stdout
    assert json.loads((tmp_path / "smaller" / "config.json").read_text())["num_hidden_layers"] == 2


@pytest.mark.slow
def test_what_the_model_in_use_mostly_writes_is_counted_into_its_folder(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    done = run("drafts", "--tokens", "300", MODEL=str(model), ENGINE_BACKEND="torch")
    assert done.returncode == 0, done.stderr
    assert f"{model / 'drafts.table'}: " in done.stdout
    assert (model / "drafts.table").exists()


@pytest.mark.parametrize("words", [("cut", "--drop", "1", "--out", "smaller"), ("drafts",)])
def test_a_script_has_no_weights(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.returncode == 1
    assert "The model in use is a script, which has no weights; name one with --model." in done.stderr
