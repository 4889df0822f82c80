"""What cannot be cut is refused with a sentence, and whatever ends the program leaves nothing half written."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inference.cutting import writing
from inference.cutting.run import cut
from tests.inference.conftest import REPOSITORY


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"model_type": "mixtral"}, "Models of the type mixtral cannot be cut, only those of llama, mistral"),
        ({"quantization_config": {"bits": 4}}, "The weights are quantised already"),
    ],
)
def test_models_whose_layers_are_not_alike_are_refused(
    whole: Path, tmp_path: Path, changed: dict[str, Any], sentence: str
) -> None:
    source = Path(shutil.copytree(whole, tmp_path / "source"))
    (source / "config.json").write_text(json.dumps(json.loads((source / "config.json").read_text()) | changed))
    with pytest.raises(ValueError, match=sentence):
        cut(str(source), 1, tmp_path / "cut", "float32")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize("count", [-1, 0, 4, 5])
def test_some_layers_must_go_and_some_must_stay(whole: Path, tmp_path: Path, count: int) -> None:
    with pytest.raises(ValueError, match="The model has 4 layers, of which 1 to 3 can be left out"):
        cut(str(whole), count, tmp_path / "cut", "float32")


def test_what_is_there_is_not_overwritten(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "cut").mkdir()
    with pytest.raises(ValueError, match="exists already; name a folder that does not"):
        cut(str(whole), 1, tmp_path / "cut", "float32")


def test_a_failure_while_writing_leaves_nothing(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "save_torch_state_dict", disk_full)
    with pytest.raises(OSError, match="No space left"):
        cut(str(whole), 1, tmp_path / "cut", "float32")
    assert not list(tmp_path.iterdir())


def program(whole: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "inference.cutting", "--model", str(whole), "--dtype", "float32", *options]


@pytest.mark.parametrize(
    ("number", "at"),
    [(signal.SIGTERM, "[3/4]"), pytest.param(signal.SIGINT, "[1/4]", marks=pytest.mark.slow)],
)
def test_stopped_it_leaves_nothing(whole: Path, tmp_path: Path, number: signal.Signals, at: str) -> None:
    command = program(whole, "--drop", "2", "--out", str(tmp_path / "cut"))
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        for line in running.stderr:
            if line.startswith(at):
                running.send_signal(number)
                break
        said = running.stderr.read()
    assert running.returncode == 130
    assert "Stopped; nothing was written." in said
    assert not list(tmp_path.iterdir())


def test_the_program_says_what_was_wrong(whole: Path, tmp_path: Path) -> None:
    command = program(whole, "--drop", "9", "--out", str(tmp_path / "cut"))
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "The model cannot be cut: The model has 4 layers, of which 1 to 3 can be left out."
    )
