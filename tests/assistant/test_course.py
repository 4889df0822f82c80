"""The course of a run stands in its row: thinned out, and right also when its process was begun again."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from assistant.finetuning.runs import course
from assistant.finetuning.runs.course import MAX_POINTS, noted


def after(*events: dict[str, Any], progress: dict[str, Any] | None = None) -> dict[str, Any]:
    progress = progress or {}
    for event in events:
        progress = noted(progress, event)
    return progress


def step(number: int, of: int = 1000) -> dict[str, Any]:
    return {"event": "step", "step": number, "steps": of, "loss": {"sft": 1 / number}}


def test_a_short_run_keeps_every_step() -> None:
    progress = after({"event": "phase", "phase": "train"}, *map(step, range(1, 31)))

    assert [point[0] for point in progress["course"]["steps"]] == list(range(1, 31))
    assert progress["course"]["phases"] == {"train": [30, 1000]}
    assert (progress["step"], progress["loss"]) == (30, {"sft": 1 / 30})


@pytest.mark.parametrize("steps", [MAX_POINTS + 1, 999, 20_000])
def test_a_long_run_is_thinned_out_evenly(steps: int) -> None:
    points = after(*map(step, range(1, steps + 1)))["course"]["steps"]

    assert MAX_POINTS // 3 < len(points) <= MAX_POINTS
    numbers = [point[0] for point in points]
    assert numbers[0] == 1
    assert len({later - earlier for earlier, later in pairwise(numbers[1:])}) == 1
    assert steps - numbers[-1] < numbers[2] - numbers[1]


def test_steps_that_are_told_again_take_the_place_of_those_before() -> None:
    before = after(*map(step, range(1, 21)), {"event": "dev", "step": 18, "nll": 2.0, "drift": 0.1, "is_best": True})

    again = after(
        {"event": "step", "step": 11, "steps": 1000, "loss": {"sft": 9.0}},
        {"event": "dev", "step": 12, "nll": 1.5, "drift": 0.2, "is_best": False},
        progress=course.begun(before),
    )

    assert [point[0] for point in again["course"]["steps"]] == list(range(1, 12))
    assert again["course"]["steps"][-1] == [11, {"sft": 9.0}]
    assert again["course"]["checks"] == [[12, 1.5, 0.2, False]]


def test_what_an_evaluation_asks_is_counted_by_suite() -> None:
    progress = after(
        {"event": "phase", "phase": "smoke"},
        {"event": "step", "phase": "smoke", "step": 3, "steps": 40},
        {"event": "step", "phase": "safety", "step": 1, "steps": 100},
    )

    assert progress["course"]["phases"] == {"smoke": [3, 40], "safety": [1, 100]}
    assert progress["course"]["steps"] == []
