"""The cases behind a verdict: one line each of the file that an evaluation leaves. Read piece by piece, never whole."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from assistant.errors import AssistantError
from assistant.finetuning.runs.kinds import folder_of
from assistant.finetuning.runs.models import EvaluationRun

FILE = "items.jsonl"
PAGE_SIZE = 20
Outcome = Literal["better", "same", "worse"]
OUTCOMES: tuple[Outcome, ...] = ("better", "same", "worse")
# Metrics of which less is better.
FEWER_IS_BETTER = ("tokens", "duration_ms")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which cases: of one suite, judged by one of their scores, and perhaps of one slice alone."""

    suite: str
    score: str
    slice: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt of a case, the right answer where there is one, and what both answered; of a preference, which is
    only held for more or less likely, `rejected` stands in the place of their answers."""

    prompt: list[dict[str, str]]
    gold: str
    rejected: str
    candidate: str
    baseline: str


@dataclass(frozen=True, slots=True)
class Case:
    id: str
    cluster: str
    slice: str
    outcome: Outcome
    scores: dict[str, tuple[float | None, float | None]]  # candidate, baseline
    asked: list[Asked]


@dataclass(frozen=True, slots=True)
class Cases:
    """A page of them; `counts` are over all in scope. `next_cursor` is a place in the file."""

    items: list[Case]
    counts: dict[Outcome, int]
    next_cursor: str | None


def scope_of(finding: dict[str, Any]) -> Scope | None:
    """Behind which cases a finding stands; None where it is not about cases."""
    metric, _, slice_ = str(finding["metric"]).partition("[")
    suite = {"preference_raw": "preferences", "preference_implicit": "preferences"}.get(metric, finding["suite"])
    if not suite:
        return None
    # Drawn answers are a suite of their own, and only named like a slice.
    part = "" if suite.endswith("_sampled") else slice_.removesuffix("]")
    return Scope(suite, _SCORE_OF.get(metric, metric), part)


def cases_of(run: EvaluationRun, scope: Scope, outcome: str = "", cursor: str = "", limit: int = PAGE_SIZE) -> Cases:
    """Raises evaluation.files_gone, page.invalid_cursor."""
    try:
        begin = int(cursor or 0)
    except ValueError:
        raise AssistantError("page.invalid_cursor") from None
    counts: Counter[Outcome] = Counter()
    found: list[Case] = []
    next_cursor = None
    for place, row in _rows(run, scope):
        which = _outcome(row["scores"], scope.score)
        counts[which] += 1
        if place < begin or (outcome and which != outcome):
            continue
        if len(found) < limit:
            found.append(_case(row, which))
        elif next_cursor is None:
            next_cursor = str(place)
    return Cases(found, {name: counts[name] for name in OUTCOMES}, next_cursor)


def counts_of(run: EvaluationRun, scope: Scope) -> dict[Outcome, int]:
    """How many cases got better, stayed and got worse. Raises evaluation.files_gone."""
    counts = Counter(_outcome(row["scores"], scope.score) for _, row in _rows(run, scope))
    return {name: counts[name] for name in OUTCOMES}


_SCORE_OF = {
    **dict.fromkeys(("sound", "length_ratio", "refuses", "answers", "format", "flip", "label", "macro_f1"), "pass"),
    "preference_raw": "raw",
    "preference_implicit": "implicit",
    "drift": "base_logp",
}


def _rows(run: EvaluationRun, scope: Scope) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines in scope, each with where it begins."""
    beginning = json.dumps({"suite": scope.suite}, ensure_ascii=False)[:-1].encode()
    try:
        with (folder_of(run) / FILE).open("rb") as file:
            place = 0
            for line in file:
                # Cheaper than reading every line of every suite as JSON.
                if line.startswith(beginning):
                    row = json.loads(line)
                    if scope.slice in ("", row["slice"]) and scope.score in row["scores"]["baseline"]:
                        yield place, row
                place += len(line)
    except OSError:
        raise AssistantError("evaluation.files_gone") from None


def _outcome(scores: dict[str, dict[str, float]], score: str) -> Outcome:
    gain = scores["candidate"][score] - scores["baseline"][score]
    if score in FEWER_IS_BETTER:
        gain = -gain
    return "same" if abs(gain) < 1e-9 else "better" if gain > 0 else "worse"


def _case(row: dict[str, Any], outcome: Outcome) -> Case:
    candidate, baseline = row["scores"]["candidate"], row["scores"]["baseline"]
    names = sorted(candidate.keys() | baseline.keys())
    questions = row.get("questions", {})
    return Case(
        id=row["id"],
        cluster=row["cluster"],
        slice=row["slice"],
        outcome=outcome,
        scores={name: (candidate.get(name), baseline.get(name)) for name in names},
        asked=[
            Asked(
                prompt=questions.get(id_, {}).get("prompt", []),
                gold=questions.get(id_, {}).get("gold", ""),
                rejected=questions.get(id_, {}).get("rejected", ""),
                candidate=row["answers"].get(id_, {}).get("candidate", ""),
                baseline=row["answers"].get(id_, {}).get("baseline", ""),
            )
            for id_ in questions or row["answers"]
        ],
    )
