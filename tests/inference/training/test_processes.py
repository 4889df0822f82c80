"""Started by `accelerate launch`, several processes train the adapter that one trains alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from assistant.finetuning.runs.training import launcher
from inference.training.processes import join
from tests.inference.training.conftest import SpecWriter, sft, some_rows
from tests.inference.training.running import run
from tests.product import ROOT

# Small micro-batches, so that each step has several to share out.
SETTINGS = {"epochs": 2, "batch": {"rows": 8, "tokens": 100}, "optimizer": {"learning_rate": 0.01}}
DEV = [sft(100), sft(101), sft(102)]


def launch(spec: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", *launcher(2), "inference.training", str(spec)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **streams)


def result_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())


def assert_alike(one: Path, other: Path) -> None:
    first, second = result_of(one), result_of(other)
    assert first["losses"] == pytest.approx(second["losses"], rel=1e-3)
    for ours, theirs in zip(first["checks"], second["checks"], strict=True):
        assert ours["dev_nll"] == pytest.approx(theirs["dev_nll"], rel=1e-3)
        assert ours["drift"] == pytest.approx(theirs["drift"], abs=1e-2)
    weights, others = (load_file(path / "adapter" / "adapter_model.safetensors") for path in (one, other))
    assert max(float((weights[name] - others[name]).abs().max()) for name in weights) < 0.05


def test_a_run_that_is_alone_sees_one_gpu_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Trainer of transformers would deal a step out to all that it sees, and knows nothing of packs."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert join().count == 1
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2"


@pytest.mark.slow
def test_two_processes_end_where_one_ends_stopped_in_between_or_not(write_spec: SpecWriter, tmp_path: Path) -> None:
    assert run(write_spec(some_rows(), DEV, "alone", **SETTINGS))[0] == 0

    spec = write_spec(some_rows(), DEV, "together", **SETTINGS)
    launched = launch(spec)
    said = []
    for line in launched.stdout:
        said.append(json.loads(line))
        if said[-1]["event"] == "step" and said[-1]["step"] == 2:
            launched.send_signal(signal.SIGTERM)
            break
    rest, _ = launched.communicate(timeout=300)
    said += [json.loads(line) for line in rest.splitlines()]
    assert said[-1] == {"event": "stopped"}
    assert not (tmp_path / "together" / "result.json").exists()

    launched = launch(spec)
    output, errors = launched.communicate(timeout=300)
    assert launched.returncode == 0, errors
    events = [json.loads(line) for line in output.splitlines()]
    last = max(event["step"] for event in said if event["event"] == "step")
    # The first alone speaks, and nothing is done twice.
    steps = [event["step"] for event in events if event["event"] == "step"]
    assert steps == list(range(last + 1, steps[-1] + 1))
    assert events[-1] == {"event": "finished", **result_of(tmp_path / "together")}
    assert events[-1]["processes"] == 2
    assert_alike(tmp_path / "alone", tmp_path / "together")
