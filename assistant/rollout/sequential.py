"""Tests that may be looked at while numbers still come in: one that promotes, one that rolls back, one of the split.

Peeking with an ordinary test promotes a candidate that is no better in one of five canaries. Promotion waits for
looks planned beforehand (group-sequential); harm is watched after every pair of outcomes (betting e-process). Pure
functions of numbers, without numpy, so that web processes can import them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

# A candidate that does no harm is rolled back with a probability of at most 1/20 (Ville's inequality).
HARM_THRESHOLD = 20.0
# Half of what is at stake at most: more wins faster and may lose nearly everything in a few pairs.
MAX_BET = 0.5
# A split that is as it should be is taken for broken with a probability of at most 1/1000.
RATIO_THRESHOLD = 1000.0
LOOKS = 20
# The c for which a z statistic without drift passes c / sqrt(t) at any of LOOKS equal looks, t = look / LOOKS, with a
# probability of 5 %, one-sided (O'Brien & Fleming 1979; tests/assistant/test_sequential.py computes it).
BOUNDARY = 1.842
POWER = 0.80


def boundary(look: int) -> float:
    """The z that a candidate must reach at `look`, 1 to LOOKS, to be promoted."""
    return BOUNDARY * math.sqrt(LOOKS / look)


def pairs_needed(effect: float, rate: float) -> int:
    """How many pairs of people find, with probability POWER, that the share of good outcomes is `effect` above `rate`.
    As if all depended on the last look, which needs more than the test does in truth."""
    z = BOUNDARY + NormalDist().inv_cdf(POWER)
    variance = rate * (1 - rate) + (rate + effect) * (1 - rate - effect)
    return math.ceil(z * z * variance / effect**2)


def z_of(differences: Sequence[float]) -> float:
    """The mean of paired differences in standard errors; 0 where nothing can be said of their spread."""
    if len(differences) < 2:
        return 0.0
    spread = stdev(differences)
    return fmean(differences) * math.sqrt(len(differences)) / spread if spread else 0.0


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

    def after(self, baseline: float, candidate: float) -> Harm:
        """The evidence with one more pair. The stake is fixed by the pairs before it, never by this one."""
        loss = baseline - candidate
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


def ratio_e_value(candidate: int, live: int, share: float) -> float:
    """Evidence that people do not come to the candidate with probability `share`, 0 < share < 1: at RATIO_THRESHOLD the
    assignment is broken. The mixture of Lindon & Malek 2022 (arXiv:2011.03567), under a uniform prior, so that it may
    be looked at after each person."""
    log_mixture = math.lgamma(candidate + 1) + math.lgamma(live + 1) - math.lgamma(candidate + live + 2)
    return math.exp(min(700.0, log_mixture - candidate * math.log(share) - live * math.log1p(-share)))


def difference_p(first: int, of_first: int, second: int, of_second: int) -> float:
    """Two-sided p of two shares being the same (pooled z test); 1 where nothing can be said."""
    pooled = (first + second) / max(1, of_first + of_second)
    if not (of_first and of_second and 0 < pooled < 1):
        return 1.0
    error = math.sqrt(pooled * (1 - pooled) * (1 / of_first + 1 / of_second))
    return math.erfc(abs(first / of_first - second / of_second) / error / math.sqrt(2))
