"""What goes wrong in a run ends it with a code and a sentence, and costs nothing that was good."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import isfinite

from inference.training import durable
from inference.training.failure import TrainingFailure, writing
from tests.inference.training.conftest import SpecWriter, sft, some_rows
from tests.inference.training.running import Training, run


def newest(output: Path) -> Path:
    return max((output / "checkpoints").glob("[0-9]*"))


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_good_checkpoint(
    write_spec: SpecWriter, tmp_path: Path
) -> None:
    # So high a rate that the weights leave the range of float32 in a few steps.
    wild = {"learning_rate": 1.0, "warmup": 0.0, "weight_decay": 0.0}
    rows = [sft(i, f"number {i} " * 3) for i in range(16)]
    status, events = run(
        write_spec(rows, epochs=60, optimizer=wild, lora={"alpha": 10**30}, batch={"rows": 2}, replay={"share": 0.0})
    )
    assert status == 1
    failed = events[-1]
    assert failed["code"] == "training.diverged"
    steps = [event["step"] for event in events if event["event"] == "step"]
    assert f"step {max(steps, default=0) + 1} " in failed["message"]
    weights = load_file(newest(tmp_path / "run") / "adapter_model.safetensors")
    assert all(bool(isfinite(weight).all()) for weight in weights.values())
    assert not (tmp_path / "run" / "adapter").exists()


def test_a_model_that_drifts_at_once_is_not_kept(write_spec: SpecWriter, tmp_path: Path) -> None:
    status, events = run(
        write_spec(
            some_rows(),
            optimizer={"learning_rate": 1.0},
            replay={"share": 0.0, "max_tokens": 8},
            stopping={"drift_budget": 1e-6, "patience": 2},
        )
    )
    assert (status, events[-1]["code"]) == (1, "training.drifted")
    assert not (tmp_path / "run" / "adapter").exists()


def test_training_stops_when_the_dev_rows_get_worse_and_keeps_the_best(write_spec: SpecWriter, tmp_path: Path) -> None:
    # What is trained is the opposite of what the dev rows say.
    dev = [sft(100 + i, "nobody hurries") for i in range(4)]
    settings = {"optimizer": {"learning_rate": 0.02}, "stopping": {"drift_budget": 100.0, "patience": 2}, "epochs": 20}
    assert run(write_spec([sft(i) for i in range(16)], dev, **settings))[0] == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["stopped_early"] == "dev_nll"
    assert result["steps"] < result["steps_planned"]
    losses = {check["step"]: check["dev_nll"] for check in result["checks"]}
    trained = {step: loss for step, loss in losses.items() if step > 0}
    assert result["best"]["step"] == min(trained, key=lambda step: trained[step])


def test_without_dev_rows_the_last_adapter_is_kept(write_spec: SpecWriter, tmp_path: Path) -> None:
    assert run(write_spec(some_rows(), epochs=2))[0] == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["best"]["step"] == result["steps"] == result["steps_planned"]
    assert result["stopped_early"] is None


def test_an_output_that_cannot_be_written_is_named(write_spec: SpecWriter, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    status, events = run(write_spec([sft(1)], output=str(tmp_path / "file" / "run")))
    assert (status, events[-1]["code"]) == (1, "training.output_unwritable")
    assert str(tmp_path / "file") in events[-1]["message"]


def test_a_full_disk_is_named_and_leaves_the_file_before_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable.write_file(tmp_path / "x", b"before")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(TrainingFailure) as caught, writing(tmp_path):
        durable.write_file(tmp_path / "x", b"after")
    assert caught.value.code == "training.no_space"
    assert (tmp_path / "x").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def fill_the_disk_soon() -> None:
    """In the process of a run: after some checkpoints there is no room for more."""
    write, written = durable.write_file, []

    def filling(path: Path, content: bytes) -> None:
        if "checkpoints" in path.parts and len(written) > 16:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        write(path, content)

    durable.write_file = filling


def test_a_disk_that_fills_up_in_the_middle_ends_the_run_and_costs_nothing_that_was_kept(
    write_spec: SpecWriter, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"epochs": 2, "stopping": {"drift_budget": 100.0, "checks_per_epoch": 6}}
    assert run(write_spec(some_rows(), [sft(100)], "whole", **settings))[0] == 0
    spec = write_spec(some_rows(), [sft(100)], "full", **settings)
    training = Training(spec, fill_the_disk_soon)
    assert training.end() == 1
    failed = training.events[-1]
    assert failed["code"] == "training.no_space"
    assert "Make room" in failed["message"]
    kept = load_file(newest(tmp_path / "full") / "adapter_model.safetensors")
    assert all(bool(isfinite(weight).all()) for weight in kept.values())

    status, events = run(spec)
    assert status == 0
    first = next(event["step"] for event in events if event["event"] == "step")
    assert first > 1, "it goes on from what was kept"
    names = ("adapter_model.safetensors", "adapter_config.json")
    whole, full = ([(tmp_path / run / "adapter" / name).read_bytes() for name in names] for run in ("whole", "full"))
    assert whole == full


def test_a_dry_run_counts_and_estimates_and_trains_nothing(write_spec: SpecWriter, tmp_path: Path) -> None:
    long = sft(99, "too long " * 200)
    status, events = run(write_spec([*some_rows(), long], [sft(100)], dry_run=True))
    assert status == 0
    result: dict[str, Any] = events[-1]
    assert result["dry_run"]
    assert result["rows"] == {"sft": 12, "preference": 6, "unpaired": 6}
    assert result["too_long"] == ["s99"]
    assert not (tmp_path / "run" / "adapter").exists()
    estimate = result["estimate"]
    parts = estimate["train_s"] + estimate["reference_and_dev_s"] + estimate["replay_s"]
    assert estimate["seconds"] == pytest.approx(parts, abs=0.3)
    assert estimate["memory_mb"] > 0
    # The run itself is not hindered by it, and trains the tokens that were foretold, if answers are of full length.
    assert run(write_spec([*some_rows(), long], [sft(100)]))[0] == 0
    trained = json.loads((tmp_path / "run" / "result.json").read_text())
    assert trained["steps"] == result["steps_planned"]
    assert trained["tokens"] <= result["tokens"] <= trained["tokens"] * 1.2
