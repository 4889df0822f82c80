"""What a gate could find is said before it costs anything, and is what the exact test says."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.finetuning.runs.detectable import MIN_CASES, scaled, win_rate
from inference.evaluation.gate import GateRules


@pytest.mark.parametrize(("cases", "rate"), [(620, 0.55), (158, 0.60), (74, 0.65), (40, 0.70), (26, 0.75), (18, 0.80)])
def test_the_known_table_of_the_sign_test(cases: int, rate: float) -> None:
    """So many cases are needed for such a rate; by the steps of the exact test they find a little less too."""
    found = win_rate(cases)
    assert found is not None
    assert rate - 0.03 < found <= rate


@given(st.integers(1, 120))
def test_the_exact_test_finds_it_in_four_of_five_cases_and_less_more_seldom(cases: int) -> None:
    rate = win_rate(cases)
    needed = next((k for k in range(cases + 1) if share_of(range(k, cases + 1), cases, 0.5) <= 0.05), None)

    if rate is None:
        assert needed is None
    else:
        assert needed is not None
        assert share_of(range(needed, cases + 1), cases, rate) >= 0.8
        assert share_of(range(needed, cases + 1), cases, rate - 0.001) < 0.8


def test_with_very_few_cases_nothing_could_be_found() -> None:
    assert [win_rate(cases) for cases in (0, 1, 4)] == [None, None, None]
    assert win_rate(5) is not None


def test_many_cases_go_on_where_the_exact_test_ends() -> None:
    exact, approximate = win_rate(800), win_rate(801)
    assert exact is not None
    assert approximate is not None
    assert abs(exact - approximate) < 0.003


def test_four_times_as_many_cases_halve_the_effect() -> None:
    assert scaled(0.1, 20, 80) == pytest.approx(0.05)


def test_the_fewest_cases_are_those_of_the_gate() -> None:
    assert GateRules().min_clusters == MIN_CASES


def share_of(wins: range, cases: int, rate: float) -> float:
    return sum(comb(cases, k) * rate**k * (1 - rate) ** (cases - k) for k in wins)
