"""What an evaluation found, in words and as rows of a forest plot. Reads result.json as inference/evaluation wrote it.

Figures are shown as they stand there, to three decimals; a share of tokens or of time in per cent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from assistant.finetuning.runs.items import scope_of
from webui.learning.charts import Forest, Interval, Tick
from webui.learning.names import VERDICTS, name_of, question_of

Finding = dict[str, Any]
# Metrics in another unit than the rest, each with an axis of its own; of the last two, less is better.
NATS, DRIFT, COST = ("gold_logp",), ("drift",), ("tokens", "duration_ms")
# Findings without a difference between two arms; their figure means something else.
NO_DIFFERENCE = ("integrity", "entities", "length_ratio")


@dataclass(frozen=True, slots=True)
class Row:
    """`mark` is pass, fail, not_enough_evidence, or report where it decides nothing. `query` names the cases behind."""

    question: str
    suite: str
    mark: str
    verdict: str
    figures: str
    cases: str
    query: str
    reason: str
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    direction: str
    ticks: list[Tick]
    rows: list[Row]


def verdict_sentence(name: str, baseline: str, result: dict[str, Any]) -> str:
    """The verdict and its ground in one sentence."""
    findings: list[Finding] = result.get("findings", [])
    deciding = [finding for finding in findings if finding["role"] != "report"]
    primary = next((finding for finding in findings if finding["role"] == "primary"), None)
    said = {"name": name, "baseline": baseline}
    if result.get("verdict") == "fail":
        failed = dict.fromkeys(question_of(found["metric"]) for found in deciding if found["verdict"] == "fail")
        return _("{name} should not answer: it failed in {questions}.").format(**said, questions=_listed(list(failed)))
    if result.get("verdict") == "pass" and primary and primary["lo"] is not None:
        figures = {"estimate": f"{primary['estimate']:+.3f}", "lo": f"{primary['lo']:+.3f}"}
        return _(
            "{name} answers better than {baseline}: nearer to what people corrected by {estimate} (at least {lo}, by a "
            "95 % bound), and nothing that must not get worse did."
        ).format(**said, **figures)
    needed = result.get("rules", {}).get("min_clusters", 0)
    if primary and primary["clusters"] < needed:
        return _(
            "Whether {name} answers better than {baseline} cannot be told yet: {cases} independent corrections are "
            "held out, and at least {needed} are needed."
        ).format(**said, cases=primary["clusters"], needed=needed)
    if primary and primary["verdict"] == "not_enough_evidence" and primary["lo"] is not None:
        figures = {"lo": f"{primary['lo']:+.3f}", "hi": f"{primary['hi']:+.3f}", "mde": f"{primary['mde']:.3f}"}
        return _(
            "Whether {name} answers better than {baseline} is open: the difference lies between {lo} and {hi}; one of "
            "{mde} would be found in four of five cases."
        ).format(**said, **figures)
    open_ = [question_of(found["metric"]) for found in deciding if found["verdict"] == "not_enough_evidence"]
    return _("Whether {name} may answer is open: there is not enough evidence on {questions}.").format(
        **said, questions=_listed(open_)
    )


def panels(result: dict[str, Any]) -> list[Panel]:
    """The differences, one panel for each unit and direction; then what is no difference."""
    findings: list[Finding] = result.get("findings", [])
    rules = result.get("rules", {})
    apart = {*NATS, *DRIFT, *COST, *NO_DIFFERENCE}
    right, left = _("Better to the right"), _("Better to the left")
    groups = [
        (_("Scores, from 0 to 1"), right, [found for found in findings if found["metric"] not in apart]),
        (_("Nats per token"), right, [found for found in findings if found["metric"] in NATS]),
        (_("Drift in nats per token"), left, [found for found in findings if found["metric"] in DRIFT]),
        (_("Tokens and time, in parts of the baseline's"), left, [f for f in findings if f["metric"] in COST]),
    ]
    return [_panel(title, direction, group, rules) for title, direction, group in groups if group]


def checks(result: dict[str, Any]) -> list[Row]:
    """What is found without a difference between two arms."""
    findings: list[Finding] = result.get("findings", [])
    return [_row(found, None, "") for found in findings if found["metric"] in NO_DIFFERENCE]


def _panel(title: str, direction: str, findings: Sequence[Finding], rules: dict[str, Any]) -> Panel:
    drawn = [found for found in findings if found["estimate"] is not None]
    margins = {id(found): _margin(found, rules) for found in drawn}
    forest = Forest(
        [(found["estimate"], found["lo"], found["hi"]) for found in drawn],
        [margin for margin in margins.values() if margin is not None],
    )
    rows = []
    for found in findings:
        interval = None
        if found["estimate"] is not None:
            interval = forest.interval(found["estimate"], found["lo"], found["hi"], margins[id(found)])
        rows.append(_row(found, interval, _figures(found)))
    return Panel(title, direction, forest.ticks(), rows)


def _row(found: Finding, interval: Interval | None, figures: str) -> Row:
    is_reported = found["role"] == "report"
    scope = scope_of(found)
    parts = {"suite": scope.suite, "score": scope.score, "slice": scope.slice} if scope else {}
    return Row(
        question=question_of(found["metric"]),
        suite=found["suite"],
        mark="report" if is_reported else found["verdict"],
        verdict=_("told only") if is_reported else name_of(VERDICTS, found["verdict"]),
        figures=figures,
        cases=str(found["n"] or ""),
        query=urlencode({name: value for name, value in parts.items() if value}),
        reason=found["reason"],
        interval=interval,
    )


def _figures(found: Finding) -> str:
    estimate, lo, hi = found["estimate"], found["lo"], found["hi"]
    if estimate is None:
        return ""
    form = "{:+.1%}" if found["metric"] in COST else "{:+.3f}"
    if lo is None or hi is None:
        return form.format(estimate)
    return _("{estimate} ({lo} to {hi})").format(estimate=form.format(estimate), lo=form.format(lo), hi=form.format(hi))


def _margin(found: Finding, rules: dict[str, Any]) -> float | None:
    """What the rules allow, in the finding's own unit and direction."""
    metric = found["metric"].partition("[")[0]
    margins = {
        "drift": rules.get("drift_margin"),
        "tokens": rules.get("max_token_rise"),
        "preference_raw": -rules.get("preference_margin", 0.0) or None,
        "preference_implicit": -rules.get("preference_margin", 0.0) or None,
    }
    if found["role"] == "report":
        return None
    if "[" in found["metric"]:
        return -rules.get("slice_loss", 0.0) or None
    return margins.get(metric)


def _listed(words: Sequence[str]) -> str:
    return _(", ").join(str(word) for word in words)
