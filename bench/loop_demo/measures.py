"""What is counted of answers, and how sure it is. Knows nothing of the product."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from bench.loop_demo.faq import Asked, Entry
from inference.evaluation.metrics import token_f1
from inference.evaluation.rules import is_refusal
from inference.evaluation.statistics import paired_difference, rule_of_three

SEED = 0
Answers = Mapping[str, str]  # what was answered, by what was asked


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with the bounds of a cluster bootstrap, each one-sided at 5 %; `n` values of so many `clusters`."""

    n: int
    clusters: int
    estimate: float
    lo: float
    hi: float


def states_facts(answer: str, facts: Sequence[str]) -> bool:
    return all(re.search(fact, answer, re.IGNORECASE | re.MULTILINE) for fact in facts)


def recall(asked: Sequence[Asked], answers: Answers) -> Mean:
    """The share of questions in other words whose answer holds all key facts; a cluster is one fact's questions."""
    hits = [float(states_facts(answers[one.text], one.facts)) for one in asked]
    return _share(hits, [str(one.entry_id) for one in asked])


def likeness(entries: Sequence[Entry], answers: Answers, before: Answers) -> dict[str, Mean]:
    """Token F1 with the written answer, and by how much it is better than `before`."""
    f1 = [token_f1(answers[one.question], one.answer) for one in entries]
    was = [token_f1(before[one.question], one.answer) for one in entries]
    ids = [one.id for one in entries]
    gains = [now - then for now, then in zip(f1, was, strict=True)]
    return {"unseen_f1": _mean(f1, ids), "unseen_gain": _mean(gains, ids)}


def refused(prompts: Sequence[str], answers: Answers) -> Mean:
    """The share of prompts that must be refused that are."""
    return _share([float(is_refusal(answers[prompt])) for prompt in prompts], prompts)


def share(of: Iterable[bool]) -> float:
    """How many are true, from 0 to 1; of none 0."""
    values = list(of)
    return round(sum(values) / max(1, len(values)), 4)


def as_json(mean: Mean) -> dict[str, float]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(mean).items()}


def _share(values: Sequence[float], clusters: Sequence[str]) -> Mean:
    """Where all values are equal there is nothing to draw from; of 20 out of 20 at least 86 % are true all the same."""
    found = _mean(values, clusters)
    beyond = rule_of_three(found.clusters)
    if not any(values):
        return replace(found, hi=beyond)
    return replace(found, lo=1 - beyond) if all(values) else found


def _mean(values: Sequence[float], clusters: Sequence[str]) -> Mean:
    found = paired_difference(values, clusters, seed=SEED)
    return Mean(found.n, found.clusters, found.estimate, found.lo, found.hi)
