"""Ratings of too few people are left out of a run, and the run says so before it is begun and after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.inference.training.conftest import SpecWriter, some_rows, unpaired
from tests.inference.training.running import run

LEAST = {"min_rows": 5, "min_people": 3}


def result_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())


def people(folder: Path, number: int) -> None:
    (folder / "manifest.json").write_text(json.dumps({"people_by_kind": {"train": {"unpaired": number}}}))


def test_the_dry_run_and_the_result_say_that_ratings_are_left_out_and_why(
    write_spec: SpecWriter, tmp_path: Path
) -> None:
    spec = write_spec(some_rows(), dry_run=True, epochs=1, ratings=LEAST)
    people(tmp_path / "run-snapshot", 2)
    status, events = run(spec)
    assert status == 0
    dry = result_of(tmp_path / "run")
    assert dry["rows"] == {"sft": 12, "preference": 6}
    assert "2 people" in dry["left_out"]["unpaired"]
    assert {"event": "left_out", "left_out": dry["left_out"]} in events

    assert run(write_spec(some_rows(), epochs=1, ratings=LEAST))[0] == 0
    trained = result_of(tmp_path / "run")
    assert trained["left_out"] == dry["left_out"]
    assert "unpaired" not in trained["losses"]


def test_ratings_of_enough_people_are_learned_from(write_spec: SpecWriter, tmp_path: Path) -> None:
    spec = write_spec(some_rows(), epochs=1, ratings=LEAST)
    people(tmp_path / "run-snapshot", 3)
    assert run(spec)[0] == 0
    result = result_of(tmp_path / "run")
    assert result["left_out"] == {}
    assert "unpaired" in result["losses"]


def test_a_snapshot_of_nothing_else_is_refused_with_the_reason(write_spec: SpecWriter) -> None:
    status, events = run(write_spec([unpaired(i, True) for i in range(3)], ratings=LEAST))
    assert (status, events[-1]["code"]) == (65, "snapshot.empty")
    assert "begins at 5" in events[-1]["message"]
