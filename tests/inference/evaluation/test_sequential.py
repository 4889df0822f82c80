"""Looking early promotes nobody by chance, and harm is found while it happens."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inference.evaluation import sequential
from inference.evaluation.sequential import Harm


@pytest.mark.parametrize(("looks", "constant"), [(1, 1.645), (2, 1.678), (5, 1.751)])
def test_the_boundary_is_that_of_the_tables(looks: int, constant: float) -> None:
    """Jennison & Turnbull 2000, table 2.3, has these two-sided at 0.10, which is one-sided at 0.05."""
    assert sequential.boundary_constant(looks) == pytest.approx(constant, abs=2e-3)


def test_twenty_looks_without_an_effect_promote_in_one_of_twenty_cases() -> None:
    sums = np.random.default_rng(1).normal(size=(100_000, 20)).cumsum(axis=1)
    z = sums / np.sqrt(np.arange(1, 21))
    bounds = np.array([sequential.boundary(look, 20) for look in range(1, 21)])
    # Three standard errors of 100 000 draws.
    assert (z >= bounds).any(axis=1).mean() == pytest.approx(0.05, abs=0.0021)
    assert (z >= 1.645).any(axis=1).mean() > 0.2


def test_a_boundary_needs_a_look() -> None:
    with pytest.raises(ValueError, match="at least one look"):
        sequential.boundary_constant(0)


def rolled_back_after(baseline: float, candidate: float, seed: int, pairs: int = 500) -> float:
    """After how many pairs the canary ends; infinite when it does not."""
    generator = np.random.default_rng(seed)
    outcomes = generator.random((pairs, 2)) < [baseline, candidate]
    harm = Harm()
    for ours, theirs in outcomes.astype(int).tolist():
        harm = harm.after(ours, theirs)
        if harm.is_proven:
            return harm.pairs
    return math.inf


@pytest.mark.parametrize("rate", [0.6, 0.95])
def test_an_equal_arm_is_rolled_back_in_one_of_twenty_cases_at_most(rate: float) -> None:
    assert sum(rolled_back_after(rate, rate, seed) < math.inf for seed in range(1000)) <= 50


def test_a_fall_of_twenty_points_is_always_caught() -> None:
    after = [rolled_back_after(0.6, 0.4, seed) for seed in range(300)]
    assert max(after) < math.inf
    assert np.median(after) < 150


def test_a_better_arm_is_left_alone() -> None:
    assert sum(rolled_back_after(0.6, 0.7, seed) < math.inf for seed in range(300)) <= 3


def test_the_stake_does_not_know_the_pair_it_is_for() -> None:
    before = Harm().after(1, 0).after(1, 1)
    won, lost = before.after(1, 0).e_value, before.after(0, 1).e_value
    assert (won + lost) / 2 == pytest.approx(before.e_value)
    assert won > before.e_value
