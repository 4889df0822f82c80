"""Tests that may be looked at while numbers still come in: one that promotes, one that rolls back.

Peeking with an ordinary test promotes a candidate that is no better in one of five canaries. Promotion waits for
looks planned beforehand (group-sequential); harm is watched after every pair of outcomes (betting e-process).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np

# A candidate that does no harm is rolled back with a probability of at most 1/20 (Ville's inequality).
HARM_THRESHOLD = 20.0
# Half of what is at stake at most: more wins faster and may lose nearly everything in a few pairs.
MAX_BET = 0.5
_STEPS = 1200


@cache
def boundary_constant(looks: int, alpha: float = 0.05) -> float:
    """The c for which a z statistic without drift passes c / sqrt(t) at any of `looks` equal looks, t = look / looks,
    with probability `alpha`, one-sided (O'Brien & Fleming 1979; by the recursion of Armitage, McPherson & Rowe 1969).

    Raises ValueError for fewer than one look.
    """
    if looks < 1:
        raise ValueError("There must be at least one look.")
    low: float = NormalDist().inv_cdf(1 - alpha)
    high = 5.0
    while high - low > 1e-5:
        middle = (low + high) / 2
        low, high = (middle, high) if _crossing(middle, looks) > alpha else (low, middle)
    return high


def boundary(look: int, looks: int, alpha: float = 0.05) -> float:
    """The z that a candidate must reach at `look` (1 to `looks`) to be promoted."""
    constant: float = boundary_constant(looks, alpha)
    return constant * math.sqrt(looks / look)


def _crossing(constant: float, looks: int) -> float:
    """The probability that a random walk of `looks` standard normal steps ever passes constant × sqrt(looks).

    z >= c / sqrt(t) at look k is a sum of k steps >= c sqrt(looks): an O'Brien-Fleming boundary is level for sums.
    """
    level = constant * math.sqrt(looks)
    edges = np.linspace(-6 * math.sqrt(looks), level, _STEPS + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    width = float(edges[1] - edges[0])
    density = np.exp(-(centres**2) / 2) / math.sqrt(2 * math.pi)
    step = np.exp(-((centres[:, None] - centres[None, :]) ** 2) / 2) / math.sqrt(2 * math.pi) * width
    for _ in range(looks - 1):
        density = step @ density
    return 1 - float(density.sum()) * width


@dataclass(frozen=True, slots=True)
class Harm:
    """Evidence that the candidate's outcomes are worse, as a gambler's capital (Waudby-Smith & Ramdas 2024, §4 and
    appendix B: aGRAPA). `e_value` of a harmless candidate stays below 20 for ever with probability 0.95.

    Outcomes come in pairs, one person of each arm in the order of their coming; 1 is good, 0 is bad.
    """

    pairs: int = 0
    e_value: float = 1.0
    total: float = 0.0  # of baseline minus candidate
    squares: float = 0.0

    def after(self, baseline: int, candidate: int) -> Harm:
        """The evidence with one more pair. The stake is fixed by the pairs before it, never by this one."""
        loss = float(baseline - candidate)
        return Harm(
            self.pairs + 1,
            self.e_value * (1 + self._stake * loss),
            self.total + loss,
            self.squares + loss * loss,
        )

    @property
    def is_proven(self) -> bool:
        """Whether to roll back. Capital that falls again later does not take the proof away: stop at the first."""
        return self.e_value >= HARM_THRESHOLD

    @property
    def _stake(self) -> float:
        # One pair of a prior with variance 1/2 and no loss, so that the first stakes are small.
        mean = self.total / (self.pairs + 1)
        second_moment = (self.squares + 0.5) / (self.pairs + 1)
        return min(MAX_BET, max(0.0, mean / second_moment))
