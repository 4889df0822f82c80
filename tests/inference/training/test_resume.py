"""A run that is killed, stopped or paused at any moment goes on to the very adapter of one that was left alone."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.inference.training.conftest import SpecWriter, sft, some_rows
from tests.inference.training.running import Training, is_step, run

DROPOUT = {"lora": {"dropout": 0.3}, "epochs": 3, "batch": {"rows": 4, "tokens": 128}}


def files_of(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (output / "adapter").iterdir()}


def learned(output: Path) -> dict[str, object]:
    """What the result says of the training itself."""
    result = json.loads((output / "result.json").read_text())
    checks = [{name: value for name, value in check.items() if name != "checkpoint"} for check in result["checks"]]
    return {"checks": checks} | {name: result[name] for name in ("losses", "steps", "tokens", "adapter_sha256")}


def spec_named(write_spec: SpecWriter, name: str) -> Path:
    return write_spec(some_rows(), [sft(100), sft(101)], name, **DROPOUT)


@pytest.fixture(scope="module")
def undisturbed(tiny_folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    write_spec = SpecWriter(tiny_folder, cache, tmp_path_factory.mktemp("undisturbed"))
    assert run(spec_named(write_spec, "undisturbed"))[0] == 0
    return write_spec.folder / "undisturbed"


def test_killed_again_and_again_it_ends_in_the_same_bytes(
    write_spec: SpecWriter, tmp_path: Path, undisturbed: Path
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # shown when the test fails
    draw = random.Random(seed)
    spec = spec_named(write_spec, "killed")
    steps = json.loads((undisturbed / "result.json").read_text())["steps"]
    kills = 0
    for step in sorted(draw.sample(range(1, steps), 4)):
        training = Training(spec)
        training.wait_for(lambda event, step=step: is_step(step)(event) or event["event"] == "finished")
        time.sleep(draw.random() * 0.05)
        training.send(signal.SIGKILL)
        kills += training.end() == -signal.SIGKILL
    assert kills >= 3
    assert run(spec)[0] == 0
    assert files_of(tmp_path / "killed") == files_of(undisturbed)
    assert learned(tmp_path / "killed") == learned(undisturbed)


def test_stopped_by_sigterm_it_says_so_and_goes_on(write_spec: SpecWriter, tmp_path: Path, undisturbed: Path) -> None:
    spec = spec_named(write_spec, "stopped")
    for step in (2, 9):
        training = Training(spec)
        training.wait_for(is_step(step))
        training.send(signal.SIGTERM)
        assert training.end() == 75
        assert training.events[-1]["event"] == "stopped"
        # The step in which it was asked is the last one.
        said = [event["step"] for event in training.events if event["event"] == "step"]
        assert said[0] <= step
        begun_at = max(said) + 1
        resumed = Training(spec)
        resumed.wait_for(is_step(begun_at))
        first = next(event["step"] for event in resumed.events if event["event"] == "step")
        assert first == begun_at, "nothing was done twice"
        resumed.send(signal.SIGKILL)
        resumed.end()
    assert run(spec)[0] == 0
    assert files_of(tmp_path / "stopped") == files_of(undisturbed)
    assert learned(tmp_path / "stopped") == learned(undisturbed)


def test_it_waits_while_the_pause_file_is_there(write_spec: SpecWriter, tmp_path: Path, undisturbed: Path) -> None:
    pause = tmp_path / "pause"
    spec = write_spec(some_rows(), [sft(100), sft(101)], "paused", pause_file=str(pause), **DROPOUT)
    training = Training(spec)
    training.wait_for(is_step(2))
    pause.touch()
    time.sleep(0.5)
    before = len(training.events)
    time.sleep(0.7)
    assert len(training.events) == before
    assert training.events[-1]["event"] != "finished"
    pause.unlink()
    assert training.end() == 0
    assert files_of(tmp_path / "paused") == files_of(undisturbed)


def test_a_run_that_is_done_is_not_done_again(undisturbed: Path) -> None:
    before = files_of(undisturbed)
    status, events = run(undisturbed.with_suffix(".json"))
    assert status == 0
    assert [event["event"] for event in events] == ["phase", "finished"]
    assert files_of(undisturbed) == before


def test_killed_before_the_result_was_written_it_writes_it(undisturbed: Path) -> None:
    before, said = files_of(undisturbed), learned(undisturbed)
    (undisturbed / "result.json").unlink()
    shutil.rmtree(undisturbed / "adapter")
    status, events = run(undisturbed.with_suffix(".json"))
    assert status == 0
    assert not any(event["event"] == "step" for event in events)
    assert (files_of(undisturbed), learned(undisturbed)) == (before, said)


def test_two_processes_do_not_train_in_one_folder(write_spec: SpecWriter, tmp_path: Path) -> None:
    pause = tmp_path / "pause"
    pause.touch()
    spec = write_spec(some_rows(), name="twice", pause_file=str(pause))
    first = Training(spec)
    first.wait_for(lambda event: event.get("phase") == "replay")
    status, events = run(spec)
    assert (status, events[-1]["code"]) == (1, "training.already_running")
    first.send(signal.SIGTERM)
    assert first.end() == 75


def test_only_the_newest_and_the_best_checkpoint_are_kept(undisturbed: Path) -> None:
    result = json.loads((undisturbed / "result.json").read_text())
    kept = {path.name for path in (undisturbed / "checkpoints").iterdir() if path.is_dir()}
    assert result["best"]["checkpoint"] in kept
    assert len(kept) <= 2


def test_another_runs_output_is_not_touched(write_spec: SpecWriter, undisturbed: Path) -> None:
    spec = write_spec(some_rows(), [sft(100), sft(101)], "other", seed=1, output=str(undisturbed), **DROPOUT)
    status, events = run(spec)
    assert (status, events[-1]["code"]) == (65, "training.output_in_use")
