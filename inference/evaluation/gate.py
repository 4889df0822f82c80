"""The decision: rules fixed before the run, findings of each question, one verdict. Knows nothing of models.

Three answers are possible, because a comparison too small to show anything proves neither "better" nor "no harm":
`pass`, `fail`, and `not_enough_evidence`, which never promotes by itself.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from inference.evaluation.errors import InputError

Verdict = Literal["pass", "fail", "not_enough_evidence"]
# Cheap ones first; what fails in one stage is not asked in the next.
Stage = Literal["integrity", "smoke", "regression", "benefit", "cost"]
FindingRole = Literal["primary", "hard", "supporting", "cost", "report"]


@dataclass(frozen=True, slots=True)
class GateRules:
    """What decides. `sha256` goes into the result, so that nobody can choose the rules after the figures.

    Shares are from 0 to 1 (0.03 = 3 points), drift is in nats per token. Raises ValueError with a sentence.
    """

    primary: Literal["chrf", "token_f1", "rouge_l"] = "chrf"
    alpha: float = 0.05  # of each one-sided bound
    min_clusters: int = 20  # of held-out corrections; below them no difference is proven
    preference_margin: float = 0.02
    drift_margin: float = 0.15
    slice_loss: float = 0.03
    entity_z: float = 4.0
    max_token_rise: float = 0.10
    min_length_ratio: float = 0.5
    max_length_ratio: float = 2.0
    max_adapter_norm: float = 1.0
    again: int = 8  # how often an item is asked once more, of either arm, when only one of them kept its rule

    def __post_init__(self) -> None:
        for name, holds in {
            "primary": self.primary in ("chrf", "token_f1", "rouge_l"),
            "alpha": 0 < self.alpha <= 0.2,
            "min_clusters": self.min_clusters >= 2,
            # Fewer could not tell a certain change from chance.
            "again": 4 <= self.again <= 100,
            "min_length_ratio": 0 < self.min_length_ratio < 1 < self.max_length_ratio,
        }.items():
            if not holds:
                raise ValueError(f"The gate's rule {name} is out of range.")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not 0 < value < math.inf:
                raise ValueError(f"The gate's rule {field.name} must be a positive number.")

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> GateRules:
        """The default rules with `values` instead. Raises InputError (`rules.invalid`)."""
        known = {name: type(value) for name, value in asdict(cls()).items()}
        try:
            unknown = values.keys() - known.keys()
            if unknown:
                raise ValueError(f"The gate has no rule {', '.join(sorted(unknown))}.")
            return cls(**{name: known[name](value) for name, value in values.items()})
        except (TypeError, ValueError, AttributeError) as error:
            raise InputError("rules.invalid", str(error)) from error

    @property
    def sha256(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Finding:
    """What one question found. `estimate` with its one-sided bounds `lo` and `hi` is candidate minus baseline in the
    metric's unit, None where there is no such number; `reason` is a sentence for people."""

    metric: str
    stage: Stage
    role: FindingRole
    verdict: Verdict
    reason: str
    suite: str = ""
    n: int = 0
    clusters: int = 0
    estimate: float | None = None
    lo: float | None = None
    hi: float | None = None
    p: float | None = None
    mde: float | None = None


def decide(findings: Sequence[Finding]) -> Verdict:
    """All must pass, hence no correction for their number: one failure fails, one gap in the evidence keeps it open.

    Findings that are only reported decide nothing. Without a primary finding there is no evidence of a benefit.
    """
    verdicts = {finding.verdict for finding in findings if finding.role != "report"}
    if "fail" in verdicts:
        return "fail"
    if "not_enough_evidence" in verdicts or not any(finding.role == "primary" for finding in findings):
        return "not_enough_evidence"
    return "pass"
