"""`manage.py model cut` does in one command what docs/operations.md says, and refuses what has no layers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.inference.conftest import REPOSITORY, make_tiny_model


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "model", "cut", *words],
        cwd=REPOSITORY,
        env={**os.environ, "ENGINE_DTYPE": "float32", "ENGINE_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_model_in_use_is_cut_and_told_how_to_be_used(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    done = run("--drop", "1", "--out", str(tmp_path / "smaller"), MODEL=str(model))
    assert done.returncode == 0, done.stderr
    assert "| layers | 3 | 2 | 0.67 |" in done.stdout
    assert f"MODEL={tmp_path / 'smaller'} starts Parley with it." in done.stdout
    assert json.loads((tmp_path / "smaller" / "config.json").read_text())["num_hidden_layers"] == 2


def test_a_script_has_no_layers(tmp_path: Path) -> None:
    done = run("--drop", "1", "--out", str(tmp_path / "smaller"))
    assert done.returncode == 1
    assert "The model in use is a script, which has no layers; name one with --model." in done.stderr
