"""The statistics are those of scipy where it has them, and right by simulation where not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from inference.evaluation import statistics

COUNTS = st.integers(0, 60)


@given(COUNTS, COUNTS)
def test_the_sign_test_is_the_binomial_one(wins: int, losses: int) -> None:
    expected = stats.binomtest(wins, wins + losses, alternative="greater").pvalue if wins + losses else 1.0
    assert statistics.sign_test(wins, losses) == pytest.approx(expected)


@given(st.integers(1, 20).flatmap(lambda n: st.tuples(st.integers(0, n), st.integers(0, n), st.just(n))))
def test_fisher(case: tuple[int, int, int]) -> None:
    first, second, n = case
    expected = stats.fisher_exact([[first, n - first], [second, n - second]], alternative="greater").pvalue
    assert statistics.fisher(first, second, n) == pytest.approx(expected)


@given(COUNTS, COUNTS)
def test_mcnemar(first: int, second: int) -> None:
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert statistics.mcnemar(first, second) == pytest.approx(expected)


@given(st.integers(1, 80).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson(case: tuple[int, int]) -> None:
    expected = stats.binomtest(*case).proportion_ci(0.95, method="wilson")
    assert statistics.wilson_interval(*case) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_holm() -> None:
    """As R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") has it."""
    adjusted = statistics.holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert statistics.holm({"a": 0.6, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert statistics.holm({}) == {}


@pytest.mark.parametrize("p", [0.5, 0.05, 1e-9, 1e-40])
def test_the_z_score(p: float) -> None:
    assert statistics.z_score(p) == pytest.approx(stats.norm.isf(p))


def test_the_z_score_of_certainty_is_a_number() -> None:
    assert statistics.z_score(0.0) > 30
    assert statistics.z_score(1.0) < -6


@pytest.mark.parametrize("probability", [0.8, 0.95, 0.975])
@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 11, 19, 39, 400])
def test_the_t_quantile(probability: float, degrees: int) -> None:
    assert statistics.t_quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=5e-3)


def test_the_sample_ratio() -> None:
    assert statistics.sample_ratio_p(130, 270, 0.25) == pytest.approx(stats.chisquare([130, 270], [100, 300]).pvalue)
    assert statistics.sample_ratio_p(0, 0, 0.25) == 1.0


def test_zero_failures_are_not_zero_risk() -> None:
    assert statistics.rule_of_three(30) == pytest.approx(stats.beta.ppf(0.95, 1, 30))
    assert statistics.rule_of_three(300) == pytest.approx(0.01, abs=1e-4)
    assert statistics.rule_of_three(0) == 1.0


def test_the_bootstrap_of_single_items_is_that_of_scipy() -> None:
    values = np.random.default_rng(5).normal(0.1, 1.0, 400)
    found = statistics.paired_difference(list(values), range(400), seed=1)
    expected = stats.bootstrap((values,), np.mean, confidence_level=0.9, method="percentile", rng=2).confidence_interval
    assert (found.lo, found.hi) == pytest.approx((expected.low, expected.high), abs=0.01)
    assert found.estimate == pytest.approx(values.mean())


def test_equal_seeds_give_equal_bounds() -> None:
    values, clusters = [0.1, 0.3, -0.2, 0.4], ["a", "a", "b", "c"]
    assert statistics.paired_difference(values, clusters, seed=3) == statistics.paired_difference(
        values, clusters, seed=3
    )
    assert statistics.paired_difference(values, clusters, seed=3) != statistics.paired_difference(
        values, clusters, seed=4
    )


def test_copies_of_a_cluster_s_items_prove_nothing_more() -> None:
    values = list(np.random.default_rng(6).normal(0.2, 1.0, 30))
    once = statistics.paired_difference(values, range(30), seed=1)
    fourfold = statistics.paired_difference(values * 4, list(range(30)) * 4, seed=1)
    assert (fourfold.lo, fourfold.hi) == pytest.approx((once.lo, once.hi))
    assert (fourfold.n, fourfold.clusters) == (120, 30)
    assert fourfold.mde == pytest.approx(once.mde)


def test_one_cluster_proves_nothing() -> None:
    found = statistics.paired_difference([1.0, 1.0], ["a", "a"], seed=1)
    assert (found.lo, found.hi, found.p, found.mde) == (-math.inf, math.inf, 1.0, math.inf)


@pytest.mark.parametrize("clusters", [12, 40])
def test_the_lower_bound_is_passed_in_one_of_twenty_cases(clusters: int) -> None:
    """Clusters of one to three items with a common part, of which nothing is true: 2 000 experiments."""
    generator = np.random.default_rng(clusters)
    passed = 0
    for _ in range(2000):
        sizes = generator.integers(1, 4, clusters)
        of = np.repeat(np.arange(clusters), sizes)
        values = generator.normal(0, 0.05, clusters)[of] + generator.normal(0, 0.1, len(of))
        passed += statistics.paired_difference(list(values), list(of), seed=1, draws=1000).lo > 0
    # 5 % ± three standard errors of 2 000 draws.
    assert passed / 2000 == pytest.approx(0.05, abs=0.015)


def test_an_effect_of_the_size_printed_is_found_in_four_of_five_cases() -> None:
    generator = np.random.default_rng(8)
    effect = statistics.minimum_detectable_effect(0.1 / math.sqrt(40), 40)
    found = sum(
        statistics.paired_difference(list(generator.normal(effect, 0.1, 40)), range(40), seed=1, draws=1000).lo > 0
        for _ in range(1000)
    )
    assert found / 1000 == pytest.approx(0.8, abs=0.04)


def test_the_design_effect_is_how_much_more_the_mean_of_clusters_varies() -> None:
    generator = np.random.default_rng(9)
    # 4 items in each of 50 clusters; variance 1 between and 3 within clusters, a correlation of 1/4.
    values = generator.normal(0, 1, (4000, 50, 1)) + generator.normal(0, math.sqrt(3), (4000, 50, 4))
    inflation = values.mean(axis=(1, 2)).var() / (4 / 200)
    assert statistics.design_effect(4, 0.25) == pytest.approx(inflation, rel=0.1)
