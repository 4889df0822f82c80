"""What a gate with so many independent held-out cases can find at all, said before anything is spent on it."""

from __future__ import annotations

from functools import cache
from math import comb, exp, lgamma, log, sqrt

ALPHA, POWER = 0.05, 0.80
# Below, the gate proves no benefit; GateRules.min_clusters of inference/evaluation/gate.py.
MIN_CASES = 20
# Where the exact test and its normal approximation differ by less than a third of a percentage point.
_EXACT_UP_TO = 800


@cache
def win_rate(cases: int) -> float | None:
    """The smallest share of cases in which the candidate must be the better one, for a one-sided exact sign test at 5 %
    to find it with a probability of 80 %; None: not even all of them would do."""
    if cases > _EXACT_UP_TO:
        return 0.5 + (1.6449 + 0.8416) / (2 * sqrt(cases))
    needed, total = cases + 1, 0
    for wins in range(cases, 0, -1):
        total += comb(cases, wins)
        if total > ALPHA * 2**cases:
            break
        needed = wins
    if needed > cases:
        return None
    low, high = 0.5, 1.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if _at_least(needed, cases, middle) >= POWER else (middle, high)
    return high


def scaled(effect: float, from_cases: int, to_cases: int) -> float:
    """A minimum detectable effect of one comparison, for another of as varied answers: it falls with the root."""
    return effect * sqrt(from_cases / to_cases)


def _at_least(wins: int, cases: int, rate: float) -> float:
    ways = (lgamma(cases + 1) - lgamma(k + 1) - lgamma(cases - k + 1) for k in range(wins, cases + 1))
    return sum(exp(n + k * log(rate) + (cases - k) * log(1 - rate)) for k, n in enumerate(ways, start=wins))
