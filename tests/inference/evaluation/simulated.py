"""Candidates that are made up, with scores as a run leaves them: what the gate says of them is then known to be right
or wrong. The spread of the scores is that of a 135M model's answers; `effect` is what is true of the primary metric.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.evaluation import judging, suites
from inference.evaluation.gate import Finding, GateRules
from inference.evaluation.scoring import Arm, Scored, Scores

RULES = GateRules()
BINARY = ["smoke", "safety", "over_refusal", "sycophancy", "format"]
SUITES = {name: suites.load(name) for name in BINARY}
# Pairs of prompts are one item each.
SIZES = {"smoke": 20, "safety": 50, "over_refusal": 40, "sycophancy": 40, "format": 30}


@dataclass(frozen=True, slots=True)
class Candidate:
    """`flips` is the share of rule-judged items whose outcome differs from the baseline's, in either direction."""

    clusters: int = 40
    effect: float = 0.0
    flips: float = 0.0
    drift: float = 0.05


def held_out(candidate: Candidate, generator: np.random.Generator) -> list[Scored]:
    """Corrections of which some clusters have two or three, as follow-up questions do."""
    scored = []
    for cluster in range(candidate.clusters):
        quality, gain = generator.normal(0.30, 0.10), generator.normal(candidate.effect, 0.05)
        for i in range(int(generator.choice([1, 1, 1, 2, 3]))):
            ours, theirs = quality + generator.normal(0, 0.06, 2)
            scores: dict[Arm, Scores] = {"candidate": {"chrf": ours + gain}, "baseline": {"chrf": theirs}}
            scored.append(
                one("held_out", f"{cluster}-{i}", str(cluster), scores, "cjk" if cluster % 5 == 0 else "other")
            )
    return scored


def one(suite: str, name: str, cluster: str, scores: dict[Arm, Scores], slice_name: str = "") -> Scored:
    return Scored(suite, name, (name,), cluster, slice_name, scores)


def judged(suite: str, size: int, flips: float, generator: np.random.Generator) -> list[Scored]:
    passes = generator.random(size) < 0.7
    flipped = generator.random(size) < flips
    scored = []
    for i, (ours, theirs) in enumerate(zip(passes ^ flipped, passes, strict=True)):
        # What could as well be otherwise is right in half of all draws, whoever is asked.
        again = generator.binomial(RULES.again, 0.5, 2)
        scores: dict[Arm, Scores] = {
            "candidate": {"pass": float(ours), "again": float(again[0])},
            "baseline": {"pass": float(theirs), "again": float(again[1])},
        }
        scored.append(one(suite, str(i), str(i), scores))
    return scored


def anchors(candidate: Candidate, generator: np.random.Generator) -> list[Scored]:
    scored = []
    for i in range(60):
        base, tokens = generator.normal(-1.0, 0.3), generator.integers(20, 64)
        ours = {"base_logp": base - generator.normal(candidate.drift, 0.08), "tokens": tokens + generator.normal(0, 8)}
        theirs = {"base_logp": base, "tokens": float(tokens)}
        times = {"duration_ms": 1000.0}
        scored.append(one("anchors", str(i), str(i), {"candidate": {**ours, **times}, "baseline": {**theirs, **times}}))
    return scored


def agreement(generator: np.random.Generator) -> list[Scored]:
    return [
        one(
            "name_swap",
            str(i),
            str(i),
            {"candidate": {"agreement": generator.beta(4, 3)}, "baseline": {"agreement": generator.beta(4, 3)}},
            ["origin", "gender", "class"][i % 3],
        )
        for i in range(60)
    ]


def findings(candidate: Candidate, seed: int) -> list[Finding]:
    """What the whole gate finds, by the functions that judge a real run."""
    generator = np.random.default_rng(seed)
    test, ordinary = held_out(candidate, generator), anchors(candidate, generator)
    return [
        *(
            judging.rule_kept(SUITES[name], judged(name, size, candidate.flips, generator), "regression", RULES)
            for name, size in SIZES.items()
        ),
        *judging.slices(agreement(generator), "agreement", "regression", RULES),
        judging.drift(ordinary, RULES),
        judging.primary(test, RULES),
        *judging.slices(test, "chrf", "benefit", RULES),
        *judging.cost(ordinary, RULES),
    ]


def printed_effect(clusters: int) -> float:
    """The minimum detectable effect that the gate prints for such a test split, in the mean of ten runs."""
    mdes = [
        judging.primary(held_out(Candidate(clusters), np.random.default_rng(seed)), RULES).mde for seed in range(10)
    ]
    return float(np.mean([mde for mde in mdes if mde is not None]))
