"""The cases behind a figure, as their page shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from assistant.finetuning.runs import items
from assistant.finetuning.runs.models import EvaluationRun
from webui.learning.words import Piece, marked


@dataclass(frozen=True, slots=True)
class SideBySide:
    asked: items.Asked
    candidate: list[Piece]
    baseline: list[Piece]


@dataclass(frozen=True, slots=True)
class CaseView:
    case: items.Case
    answers: list[SideBySide]
    scores: list[tuple[str, str, str]]


def page_of(evaluation: EvaluationRun, query: QueryDict) -> dict[str, Any]:
    """Context of the page; raises evaluation.files_gone, page.invalid_cursor."""
    asked = {name: query.get(name, "") for name in ("suite", "score", "slice", "outcome")}
    suites = [suite["name"] for suite in evaluation.result.get("suites", [])]
    scope = items.Scope(asked["suite"] or "held_out", asked["score"] or "chrf", asked["slice"])
    outcome = asked["outcome"] if asked["outcome"] in items.OUTCOMES else ""
    page = items.cases_of(evaluation, scope, outcome, query.get("at", ""))
    kept = {"suite": scope.suite, "score": scope.score, "slice": scope.slice}
    keep = urlencode({name: value for name, value in kept.items() if value})
    return {
        "scope": scope,
        "suites": suites,
        "outcome": outcome,
        "page": page,
        "total": sum(page.counts.values()),
        "views": [_view(case) for case in page.items],
        "keep": keep,
        "keep_outcome": f"{keep}&outcome={outcome}&" if outcome else f"{keep}&",
        "cursor": query.get("at", ""),
    }


def _view(case: items.Case) -> CaseView:
    answers = []
    for each in case.asked:
        candidate, baseline = marked(each.candidate, each.baseline)
        answers.append(SideBySide(each, candidate, baseline))
    scores = [(name, _figure(ours), _figure(theirs)) for name, (ours, theirs) in case.scores.items()]
    return CaseView(case, answers, scores)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
