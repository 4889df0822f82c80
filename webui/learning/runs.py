"""Pages of runs: the list, one run while it works and after, and the form that begins with an estimate."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assistant.errors import AssistantError
from assistant.finetuning import listing
from assistant.finetuning.models import DatasetSnapshot
from assistant.finetuning.runs import made_questions, queries
from assistant.finetuning.runs.models import EvaluationRun, TrainingRun
from assistant.finetuning.runs.training import cancel, request_training
from webui.learning.charts import bars
from webui.learning.courses import curves_of, phases_of
from webui.learning.names import OBJECTIVES, name_of
from webui.learning.pages import admin_of, done
from webui.workbench import show, staff_of

TAB = "learning_runs"


class StartForm(forms.Form):
    """The few settings that are worth a thought; the rest stands in inference/training/spec.py."""

    snapshot = forms.ChoiceField(label=gettext_lazy("Snapshot"), widget=forms.Select({"class": "input"}))
    epochs = forms.IntegerField(
        label=gettext_lazy("Epochs"), min_value=1, max_value=20, initial=3, widget=forms.NumberInput({"class": "input"})
    )
    learning_rate = forms.FloatField(
        label=gettext_lazy("Learning rate"),
        min_value=1e-6,
        max_value=1e-1,
        initial=5e-4,
        widget=forms.NumberInput({"class": "input", "step": "any"}),
    )
    rank = forms.IntegerField(
        label=gettext_lazy("Rank of the adapter"),
        min_value=1,
        max_value=256,
        initial=8,
        widget=forms.NumberInput({"class": "input"}),
    )
    seed = forms.IntegerField(
        label=gettext_lazy("Seed"),
        min_value=0,
        max_value=2**31,
        initial=0,
        widget=forms.NumberInput({"class": "input"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usable = [snapshot for snapshot in listing.snapshots().items if snapshot.erased_at is None]
        self.fields["snapshot"].choices = [(each.sha256, _label_of(each)) for each in usable]  # type: ignore[attr-defined]

    def config(self) -> dict[str, Any]:
        values = self.cleaned_data
        rank = values["rank"]
        return {
            "epochs": values["epochs"],
            "optimizer": {"learning_rate": values["learning_rate"]},
            # Twice the rank, as the trainer's defaults have it: the scale of the update stays.
            "lora": {"rank": rank, "alpha": 2 * rank},
        }


@require_safe
@never_cache
def runs(request: HttpRequest) -> HttpResponse:
    staff_of(request)
    page = queries.training_runs(request.GET.get("before"))
    return show(request, TAB, "webui/learning/runs.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def start(request: HttpRequest) -> HttpResponse:
    """The form; sent, it queues an estimate, on whose page the training itself is begun."""
    person = staff_of(request)
    form = StartForm(request.POST or None, initial={"snapshot": request.GET.get("snapshot")})
    if request.method == "POST" and form.is_valid():
        snapshot = listing.snapshot_named(form.cleaned_data["snapshot"])
        run = request_training(person, snapshot, form.config(), seed=form.cleaned_data["seed"], is_dry_run=True)
        return redirect("learning_run", run.pk)
    status = 400 if form.errors else 200
    return show(request, TAB, "webui/learning/start.html", {"form": form}, status)


@require_safe
@never_cache
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """One run: read again and again by run_page.js while it works, so that what is shown is what the database holds."""
    staff_of(request)
    this = queries.run_of(run_id)
    context: dict[str, Any] = {
        "run": this,
        "page_state": {},
        "is_training": isinstance(this, TrainingRun),
        "phases": phases_of(this),
        "ahead": queries.ahead_of(this) if this.state == this.State.QUEUED else 0,
    }
    if isinstance(this, TrainingRun):
        context |= {"curves": curves_of(this), **_of_training(this)}
    return show(request, TAB, "webui/learning/run.html", context)


@require_POST
def cancel_run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    person = admin_of(request)
    return done(request, lambda: cancel(person, run_id), _("It ends at its next step."), "learning_run", str(run_id))


@require_POST
def train(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Train what an estimate was made for, with its very settings."""
    person = admin_of(request)
    estimated = queries.run_of(run_id)
    if not isinstance(estimated, TrainingRun):
        raise AssistantError("run.not_found")
    begun = request_training(person, estimated.snapshot, estimated.config, seed=estimated.seed)
    return redirect("learning_run", begun.pk)


def _of_training(run: TrainingRun) -> dict[str, Any]:
    result = run.result
    rows = {name_of(OBJECTIVES, kind): count for kind, count in result.get("rows", {}).items()}
    is_trained = "steps" in result and not run.is_dry_run
    return {
        "rows": bars(rows),
        "is_trained": is_trained,
        "has_questions": made_questions.has_any(run),
        "estimated": queries.estimate_of(run) if is_trained else None,
        "seconds": (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0,
        "reach": queries.reach_of(run.snapshot) if run.is_dry_run else None,
        "left_out": len(result.get("too_long", [])),
        "evaluations": EvaluationRun.objects.filter(training_run=run).order_by("created_at"),
    }


def _label_of(snapshot: DatasetSnapshot) -> str:
    at = snapshot.created_at
    named = ngettext("{hash}, {rows} row, {day}", "{hash}, {rows} rows, {day}", snapshot.rows)
    return named.format(hash=snapshot.sha256[:12], rows=snapshot.rows, day=f"{at:%Y-%m-%d %H:%M} UTC")
