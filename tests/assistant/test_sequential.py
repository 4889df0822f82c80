"""Looking early promotes nobody by chance, and harm is found while it happens."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from assistant.rollout import sequential
from assistant.rollout.sequential import HARM_THRESHOLD, LOOKS, RATIO_THRESHOLD, Harm, ratio_e_value


def crossing(constant: float, looks: int, steps: int = 1200) -> float:
    """The probability that a random walk of `looks` standard normal steps ever passes constant × sqrt(looks)
    (recursion of Armitage, McPherson & Rowe 1969). z >= c / sqrt(t) at look k is a sum of k steps >= c sqrt(looks)."""
    level = constant * math.sqrt(looks)
    edges = np.linspace(-6 * math.sqrt(looks), level, steps + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    width = float(edges[1] - edges[0])
    density = np.exp(-(centres**2) / 2) / math.sqrt(2 * math.pi)
    step = np.exp(-((centres[:, None] - centres[None, :]) ** 2) / 2) / math.sqrt(2 * math.pi) * width
    for _ in range(looks - 1):
        density = step @ density
    return 1 - float(density.sum()) * width


@pytest.mark.parametrize(("looks", "constant"), [(1, 1.645), (2, 1.678), (5, 1.751), (LOOKS, sequential.BOUNDARY)])
def test_the_boundary_is_that_of_the_tables(looks: int, constant: float) -> None:
    """Jennison & Turnbull 2000, table 2.3, has the first three two-sided at 0.10, which is one-sided at 0.05."""
    assert crossing(constant, looks) == pytest.approx(0.05, abs=3e-4)


def test_twenty_looks_without_an_effect_promote_in_one_of_twenty_cases() -> None:
    sums = np.random.default_rng(1).normal(size=(100_000, LOOKS)).cumsum(axis=1)
    z = sums / np.sqrt(np.arange(1, LOOKS + 1))
    bounds = np.array([sequential.boundary(look) for look in range(1, LOOKS + 1)])
    # Three standard errors of 100 000 draws.
    assert (z >= bounds).any(axis=1).mean() == pytest.approx(0.05, abs=0.0021)
    assert (z >= 1.645).any(axis=1).mean() > 0.2


def test_as_many_pairs_as_are_planned_find_the_effect_that_they_are_planned_for() -> None:
    pairs = sequential.pairs_needed(0.1, 0.6)
    generator = np.random.default_rng(2)
    outcomes = generator.random((4000, pairs, 2)) < [0.6, 0.7]
    differences = outcomes[:, :, 1].astype(float) - outcomes[:, :, 0]
    found = np.zeros(4000, dtype=bool)
    for look in range(1, LOOKS + 1):
        seen = differences[:, : pairs * look // LOOKS]
        z = seen.mean(axis=1) * math.sqrt(seen.shape[1]) / seen.std(axis=1, ddof=1)
        found |= z >= sequential.boundary(look)
    assert 0.8 <= found.mean() <= 0.9


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


def test_shares_between_good_and_bad_count_as_what_they_are() -> None:
    assert Harm().after(1, 0).after(0.75, 0.25).e_value < Harm().after(1, 0).after(1, 0).e_value
    assert Harm().after(1, 0).after(0.5, 0.5).e_value == Harm().after(1, 0).e_value


def broken_after(true_share: float, assumed: float, seed: int, people: int = 1000) -> bool:
    draw = random.Random(seed)
    candidate = live = 0
    for _ in range(people):
        if draw.random() < true_share:
            candidate += 1
        else:
            live += 1
        if ratio_e_value(candidate, live, assumed) >= RATIO_THRESHOLD:
            return True
    return False


def test_a_split_as_planned_is_not_taken_for_broken_and_another_is() -> None:
    assert not any(broken_after(0.25, 0.25, seed) for seed in range(200))
    assert all(broken_after(0.4, 0.25, seed) for seed in range(50))


def test_nothing_is_said_of_nothing() -> None:
    assert sequential.z_of([]) == sequential.z_of([1.0]) == sequential.z_of([0.0, 0.0]) == 0.0
    assert ratio_e_value(0, 0, 0.05) == pytest.approx(1.0)
    assert sequential.difference_p(0, 0, 3, 10) == 1.0
    assert Harm().e_value < HARM_THRESHOLD


def test_different_rates_of_rating_are_seen() -> None:
    assert sequential.difference_p(10, 100, 40, 100) < 0.001
    assert sequential.difference_p(10, 100, 12, 100) > 0.5
