"""Every row once an epoch, in steps made up alike; weights count as they say, however rows are divided."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.chat_template import Turn
from inference.training.plan import Plan, make_plan
from inference.training.rows import Objective, Row
from inference.training.spec import Batch, Objectives, Replay, TrainingSpec

OBJECTIVES: list[Objective] = ["sft", "preference", "unpaired"]


def row(number: int, objective: Objective = "sft", weight: float = 1.0, tokens: int = 10) -> Row:
    return Row(f"{objective} {number}", objective, (Turn((1,) * (tokens - 2), (2, 3)),), weight)


def spec(rows: int = 8, tokens: int = 100, share: float = 0.2, **settings: int) -> TrainingSpec:
    return TrainingSpec("", "", "", "", "", batch=Batch(rows, tokens), replay=Replay(share), **settings)


REPLAY = [row(i, "replay") for i in range(7)]
ROWS = st.lists(
    st.tuples(st.sampled_from(OBJECTIVES), st.floats(0.1, 2), st.integers(3, 80)), min_size=1, max_size=60
).map(lambda drawn: [row(i, objective, weight, tokens) for i, (objective, weight, tokens) in enumerate(drawn)])


def of_epoch(plan: Plan, epoch: int) -> list[Row]:
    return [each for step in plan.steps if step.epoch == epoch for batch in step.micro_batches for each in batch.rows]


@given(ROWS, st.integers(1, 9), st.integers(0, 100))
def test_each_epoch_has_every_row_once_and_its_share_of_replay(rows: list[Row], batch: int, seed: int) -> None:
    plan = make_plan(rows, REPLAY, spec(batch, seed=seed))
    for epoch in range(3):
        found = of_epoch(plan, epoch)
        assert Counter(each.id for each in found if each.objective != "replay") == Counter(each.id for each in rows)
        assert sum(each.objective == "replay" for each in found) == round(len(rows) * 0.25)
    sizes = [sum(len(batch.rows) for batch in step.micro_batches) for step in plan.steps]
    assert max(sizes) <= batch
    assert max(sizes) - min(sizes) <= 1


@given(ROWS)
def test_a_micro_batch_holds_no_more_tokens_than_allowed_or_one_row(rows: list[Row]) -> None:
    for step in make_plan(rows, REPLAY, spec(tokens=90)).steps:
        for batch in step.micro_batches:
            assert len(batch.rows) == 1 or sum(each.tokens for each in batch.rows) <= 90


@given(ROWS)
def test_an_objective_counts_in_an_epoch_what_it_shall_however_many_rows_it_has(rows: list[Row]) -> None:
    """Summed over an epoch's steps, where it has at least a row for each step."""
    plan = make_plan(rows, [], spec())
    counted: Counter[str] = Counter()
    number = Counter(each.objective for each in rows)
    for step in plan.steps[: plan.steps_per_epoch]:
        for batch in step.micro_batches:
            for each, coefficient in zip(batch.rows, batch.coefficients, strict=True):
                counted[each.objective] += coefficient
    for objective, total in counted.items():
        wanted = getattr(Objectives(), objective) * min(plan.steps_per_epoch, number[objective])
        assert total == pytest.approx(wanted)


def test_a_row_of_half_the_weight_counts_half_even_when_it_is_alone_in_its_step() -> None:
    plan = make_plan([row(0, weight=1.0), row(1, weight=0.5)], [], spec(rows=1))
    (one,), (other,) = (step.micro_batches for step in plan.steps[:2])
    assert sorted([*one.coefficients, *other.coefficients]) == pytest.approx([2 / 3, 4 / 3])


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    rows = [row(i) for i in range(40)]
    plan = make_plan(rows, REPLAY, spec(seed=1))
    assert make_plan(rows[::-1], REPLAY[::-1], spec(seed=1)) == plan
    assert make_plan(rows, REPLAY, spec(seed=2)) != plan
    assert [each.id for each in of_epoch(plan, 0)] != [each.id for each in of_epoch(plan, 1)]


def test_the_replay_rows_take_turns() -> None:
    plan = make_plan([row(i) for i in range(28)], REPLAY, spec())
    for epoch in range(3):
        assert sum(each.objective == "replay" for each in of_epoch(plan, epoch)) == 7
        assert {each.id for each in of_epoch(plan, epoch) if each.objective == "replay"} == {r.id for r in REPLAY}


def test_dev_rows_are_measured_three_times_an_epoch_and_at_both_ends() -> None:
    plan = make_plan([row(i) for i in range(72)], [], spec(epochs=2))
    assert plan.steps_per_epoch == 9
    assert sorted(plan.checks) == [0, 3, 6, 9, 12, 15, 18]
