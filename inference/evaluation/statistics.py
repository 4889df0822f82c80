"""How sure a difference is. Pure functions of numbers; knows nothing of what was measured.

Differences are candidate minus baseline on the same items. Items of one cluster (a conversation, a group of alike
questions) are not independent, so clusters are what is drawn and counted. Every test is one-sided unless it says
otherwise, as the gate asks one question at a time.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
ALPHA = 0.05
POWER = 0.80
Array = NDArray[np.float64]
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference. `lo` and `hi` are each a one-sided bound; `p` is of "not above 0"; `mde` is the smallest true
    difference that such a comparison finds with a probability of 80 %, infinite for fewer than two clusters."""

    n: int
    clusters: int
    estimate: float
    lo: float
    hi: float
    p: float
    mde: float


def paired_difference(
    differences: Sequence[float], clusters: Sequence[Hashable], *, seed: int, alpha: float = ALPHA, draws: int = DRAWS
) -> Difference:
    """The mean of `differences` with bounds by the cluster bootstrap (Davison & Hinkley 1997, §3.8).

    A plain percentile bootstrap is too narrow for few clusters: as if the normal distribution and the variance
    without n/(n-1) were right. So deviations are widened by sqrt(n/(n-1)) t(n-1)/z, which is the expanded percentile
    interval of Hesterberg 2015 (The American Statistician 69:371, §5.3). With one cluster the bounds are infinite.
    """
    if not differences or len(differences) != len(clusters):
        raise ValueError("There must be as many clusters as differences, and at least one.")
    index = {cluster: i for i, cluster in enumerate(dict.fromkeys(clusters))}
    members = np.array([index[cluster] for cluster in clusters])
    sums = np.bincount(members, weights=np.asarray(differences, dtype=float)).astype(float)
    sizes = np.bincount(members).astype(float)
    n, estimate = len(sums), float(sums.sum() / sizes.sum())
    if n == 1:
        return Difference(len(differences), 1, estimate, -math.inf, math.inf, 1.0, math.inf)
    widening = math.sqrt(n / (n - 1)) * t_quantile(1 - alpha, n - 1) / _NORMAL.inv_cdf(1 - alpha)
    means = estimate + (_resampled_means(sums, sizes, seed, draws) - estimate) * widening
    lo, hi = np.quantile(means, [alpha, 1 - alpha])
    residuals = sums - estimate * sizes
    error = math.sqrt(n / (n - 1) * float(residuals @ residuals)) / float(sizes.sum())
    p = (1 + int((means <= 0).sum())) / (1 + draws)
    mde = minimum_detectable_effect(error, n, alpha)
    return Difference(len(differences), n, estimate, float(lo), float(hi), p, mde)


def _resampled_means(sums: Array, sizes: Array, seed: int, draws: int) -> Array:
    """The mean of each of `draws` samples of clusters with replacement, [draws]."""
    generator = np.random.default_rng(seed)
    means = np.empty(draws)
    # In pieces, so that many clusters do not need draws × clusters numbers at once.
    piece = max(1, 2_000_000 // len(sums))
    for begin in range(0, draws, piece):
        drawn = generator.integers(len(sums), size=(min(piece, draws - begin), len(sums)), dtype=np.int32)
        means[begin : begin + piece] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return means


def minimum_detectable_effect(
    standard_error: float, clusters: int, alpha: float = ALPHA, power: float = POWER
) -> float:
    """The true difference that is found with probability `power`, in units of the standard error given."""
    if clusters < 2:
        return math.inf
    return (t_quantile(1 - alpha, clusters - 1) + t_quantile(power, clusters - 1)) * standard_error


def t_quantile(probability: float, degrees: int) -> float:
    """Student's t quantile. Exact for 1 and 2 degrees; above by the expansion of Abramowitz & Stegun 26.7.5, whose
    error at the probabilities that are used here (0.8 to 0.975) is below 0.5 % from 3 degrees on."""
    if degrees == 1:
        return math.tan(math.pi * (probability - 0.5))
    if degrees == 2:
        return (2 * probability - 1) / math.sqrt(2 * probability * (1 - probability))
    z: float = _NORMAL.inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(degrees) ** power for power, term in enumerate(terms, start=1))


def sign_test(wins: int, losses: int) -> float:
    """p of so many wins or more among wins and losses when both are equally likely; ties are left out. Exact."""
    n = wins + losses
    return sum(math.comb(n, k) for k in range(wins, n + 1)) / (1 << n)


def fisher(successes: int, other: int, n: int) -> float:
    """The one-sided p of Fisher's exact test that `successes` of `n` are by luck more than `other` of another `n`."""
    both = successes + other
    tables = math.comb(2 * n, both)
    return sum(math.comb(n, k) * math.comb(n, both - k) for k in range(successes, min(n, both) + 1)) / tables


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p of the items that only one of two passed; 1.0 without any (McNemar 1947)."""
    return min(1.0, 2 * sign_test(max(only_first, only_second), min(only_first, only_second)))


def wilson_interval(successes: int, n: int, alpha: float = ALPHA) -> tuple[float, float]:
    """Two-sided interval of a share (Wilson 1927); of nothing (0, 1)."""
    if n == 0:
        return 0.0, 1.0
    z = _NORMAL.inv_cdf(1 - alpha / 2)
    centre = (successes + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(successes * (n - successes) / n + z * z / 4)
    return max(0.0, centre - half), min(1.0, centre + half)


def rule_of_three(n: int, alpha: float = ALPHA) -> float:
    """The upper bound of a share of which nothing was seen in `n`: 1 - alpha^(1/n), about 3/n at 5 %."""
    return 1 - alpha ** (1 / n) if n else 1.0


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """The p values adjusted for their number (Holm 1979)."""
    adjusted, highest = {}, 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, p * (len(p_values) - rank)))
        adjusted[name] = highest
    return adjusted


def design_effect(items_per_cluster: float, correlation: float) -> float:
    """By how much clusters make n items worth fewer: 1 + (m - 1) icc (Kish 1965, §5.4)."""
    return 1 + (items_per_cluster - 1) * correlation


def sample_ratio_p(candidate: int, baseline: int, candidate_share: float) -> float:
    """p of the split of people over two arms when each came to the candidate with probability `candidate_share`;
    chi-square with one degree of freedom, two-sided. Below 0.001 the assignment is broken."""
    n = candidate + baseline
    if n == 0:
        return 1.0
    square = (candidate - n * candidate_share) ** 2 / (n * candidate_share * (1 - candidate_share))
    return math.erfc(math.sqrt(square / 2))


def z_score(p: float) -> float:
    """How many standard deviations a one-sided `p` is worth; at most 37, which 10^-300 is."""
    return -_NORMAL.inv_cdf(min(max(p, 1e-300), 1 - 1e-12))
