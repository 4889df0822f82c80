"""Several adapters of one spec: each is what it would be alone, and the one in the middle is kept."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from inference.training.seeds import median
from tests.inference.training.conftest import SpecWriter, sft, some_rows
from tests.inference.training.running import Training, run

DEV = [sft(100), sft(101)]


@pytest.mark.parametrize(
    ("losses", "kept"),
    [([3.0, 1.0, 2.0], 2), ([1.0, 2.0], 0), ([2.0], 0), ([None, None, None], 0), ([2.0, 2.0, 1.0], 0)],
)
def test_the_median_is_kept_and_without_dev_rows_the_first(losses: list[float | None], kept: int) -> None:
    assert median(losses) == kept


def test_each_seed_is_what_it_is_alone_killed_or_not(write_spec: SpecWriter, tmp_path: Path) -> None:
    spec = write_spec(some_rows(), DEV, "three", epochs=1, seed=5, seeds=3)
    training = Training(spec)
    training.wait_for(lambda event: event.get("seed") == 2)
    training.send(signal.SIGKILL)
    training.end()
    status, events = run(spec)
    assert status == 0
    assert [event["seed"] for event in events if event["event"] == "seed"] == [1, 2, 3]
    result = json.loads((tmp_path / "three" / "result.json").read_text())
    assert events[-1] == {"event": "finished", **result}
    assert [one["seed"] for one in result["seeds"]] == [5, 6, 7]
    assert len({one["adapter_sha256"] for one in result["seeds"]}) == 3

    assert run(write_spec(some_rows(), DEV, "alone", epochs=1, seed=6))[0] == 0
    alone = json.loads((tmp_path / "alone" / "result.json").read_text())
    second = result["seeds"][1]
    assert second["adapter_sha256"] == alone["adapter_sha256"]
    assert (tmp_path / "three" / second["adapter"] / "adapter_model.safetensors").exists()

    by_loss = sorted(result["seeds"], key=lambda one: one["dev_nll"])
    assert result["adapter_sha256"] == by_loss[1]["adapter_sha256"]
    kept = tmp_path / "three" / by_loss[1]["adapter"]
    for file in (tmp_path / "three" / "adapter").iterdir():
        assert file.read_bytes() == (kept / file.name).read_bytes()


def test_a_dry_run_counts_the_work_of_all_seeds(write_spec: SpecWriter, tmp_path: Path) -> None:
    assert run(write_spec(some_rows(), DEV, "one", dry_run=True))[0] == 0
    assert run(write_spec(some_rows(), DEV, "three", dry_run=True, seeds=3))[0] == 0
    one, three = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("one", "three"))
    assert three["steps_planned"] == one["steps_planned"]
    assert three["tokens"] == one["tokens"] * 3
