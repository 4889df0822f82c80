"""Pages of adapters: the list, the evidence on one, and what can be decided there."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from assistant.adapters.models import Adapter
from assistant.adapters.queries import adapter_named
from assistant.errors import AssistantError
from assistant.finetuning.runs import items, queries
from assistant.finetuning.runs.evaluation import request_evaluation
from assistant.finetuning.runs.models import EvaluationRun
from assistant.finetuning.runs.retraining import retrain_without
from assistant.rollout import actions as rollout
from assistant.rollout import queries as rollout_queries
from assistant.rollout.models import Rollout
from webui.learning import cases as case_pages
from webui.learning.card import card_of, ingredients_of
from webui.learning.charts import stacked
from webui.learning.courses import curves_of
from webui.learning.findings import checks, panels, verdict_sentence
from webui.learning.names import OUTCOMES, name_of
from webui.learning.pages import admin_of, done
from webui.learning.rollouts import rollouts_of
from webui.workbench import show, staff_of

TAB = "learning_adapters"
# The suite of what people corrected (inference/evaluation/held_out.py).
HELD_OUT = "held_out"


@require_safe
@never_cache
def adapters(request: HttpRequest) -> HttpResponse:
    staff_of(request)
    page = queries.adapters(request.GET.get("before"))
    return show(request, TAB, "webui/learning/adapters.html", {"page": page})


@require_safe
@never_cache
def evidence(request: HttpRequest, sha256: str) -> HttpResponse:
    """Everything that speaks for an adapter and against it."""
    staff_of(request)
    adapter = adapter_named(sha256)
    training, evaluation = queries.training_of(adapter), queries.evaluation_of(adapter)
    on_its_way = rollout_queries.candidate()
    siblings = queries.adapters_from(training.snapshot) if training else []
    context: dict[str, Any] = {
        "adapter": adapter,
        "short": adapter.sha256[:12],
        "training": training,
        "evaluation": evaluation,
        "evaluating": queries.active_evaluation_of(adapter),
        "curves": curves_of(training) if training else [],
        "ingredients": ingredients_of(training) if training else None,
        "siblings": [other for other in siblings if other != adapter],
        "rollouts": rollouts_of(adapter),
        "is_on_its_way": on_its_way is not None and on_its_way.adapter == adapter,
        "workers": rollout_queries.workers_with(adapter),
        "receipts": queries.receipts_of(training.snapshot_id) if training and adapter.erased_share else [],
    }
    if evaluation:
        context |= _of_evaluation(adapter, evaluation)
    return show(request, TAB, "webui/learning/evidence.html", context)


@require_safe
@never_cache
def cases(request: HttpRequest, sha256: str) -> HttpResponse:
    """The cases behind a figure, both answers side by side."""
    staff_of(request)
    adapter = adapter_named(sha256)
    evaluation = queries.evaluation_of(adapter)
    if evaluation is None:
        raise AssistantError("page.not_found")
    context = {"adapter": adapter, "short": adapter.sha256[:12], "evaluation": evaluation}
    return show(request, TAB, "webui/learning/cases.html", {**context, **case_pages.page_of(evaluation, request.GET)})


@require_safe
@never_cache
def card(request: HttpRequest, sha256: str) -> HttpResponse:
    staff_of(request)
    adapter = adapter_named(sha256)
    context = {"adapter": adapter, "short": adapter.sha256[:12], "card": card_of(adapter)}
    return show(request, TAB, "webui/learning/card.html", context)


@require_safe
@never_cache
def card_markdown(request: HttpRequest, sha256: str) -> HttpResponse:
    staff_of(request)
    adapter = adapter_named(sha256)
    answer = HttpResponse(card_of(adapter).markdown(), content_type="text/markdown; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="card-{adapter.sha256[:12]}.md"'
    return answer


@require_POST
def decide(request: HttpRequest, sha256: str, step: str) -> HttpResponse:
    """One step of a rollout, with its reason. What is taken back or led on must be this adapter, not whatever is on its
    way by now."""
    person, adapter = admin_of(request), adapter_named(sha256)
    reason = request.POST.get("reason", "")
    on_its_way = rollout_queries.candidate()
    is_this = on_its_way is not None and on_its_way.adapter == adapter

    def lead_on() -> Rollout:
        if not is_this:
            raise AssistantError("rollout.none_under_way")
        return rollout.advance(person, reason)

    def take_back() -> Rollout:
        if not reason.strip():
            raise AssistantError("review.reason_missing")
        if not is_this and adapter.state != Adapter.State.LIVE:
            raise AssistantError("rollout.nothing_before")
        if on_its_way and not is_this:
            raise AssistantError("rollout.busy")
        return rollout.roll_back(person, reason)

    work, message = {
        "try": (lambda: rollout.start(person, adapter, reason), _("It answers copies of questions from now on.")),
        "advance": (lead_on, _("It is one step on.")),
        "promote": (lambda: rollout.promote(person, adapter, reason), _("New replies use it from now on.")),
        "back": (take_back, _("What answered before answers again.")),
    }[step]
    return done(request, work, message, *_page(adapter))


@require_POST
def evaluate(request: HttpRequest, sha256: str) -> HttpResponse:
    person, adapter = admin_of(request), adapter_named(sha256)
    return redirect("learning_run", request_evaluation(person, adapter).pk)


@require_POST
def retrain(request: HttpRequest, sha256: str) -> HttpResponse:
    person, adapter = admin_of(request), adapter_named(sha256)
    message = _("It is being trained again without what was erased; the run is under Runs.")
    return done(request, lambda: retrain_without(person, adapter), message, *_page(adapter))


def _page(adapter: Adapter) -> tuple[str, str]:
    return "learning_adapter", adapter.sha256[:12]


def _of_evaluation(adapter: Adapter, evaluation: EvaluationRun) -> dict[str, Any]:
    baseline = evaluation.baseline.name if evaluation.baseline else _("the base model")
    live = queries.live_adapter()
    is_outdated = live not in (evaluation.baseline, adapter)
    primary = next((found for found in evaluation.result.get("findings", []) if found["role"] == "primary"), None)
    scope = items.Scope(HELD_OUT, primary["metric"]) if primary else None
    try:
        counts = items.counts_of(evaluation, scope) if scope else {}
        are_files_gone = False
    except AssistantError:
        counts, are_files_gone = {}, True
    named = {name_of(OUTCOMES, outcome): count for outcome, count in counts.items()}
    return {
        "live_name": live.name if live else _("the base model"),
        "is_outdated": is_outdated,
        "has_passed": evaluation.verdict == EvaluationRun.Verdict.PASSED and not is_outdated,
        "sentence": verdict_sentence(adapter.name, baseline, evaluation.result),
        "baseline": baseline,
        "panels": panels(evaluation.result),
        "checks": checks(evaluation.result),
        "outcomes": list(zip(counts, stacked(named), strict=True)),
        "primary": primary,
        "are_files_gone": are_files_gone,
    }
