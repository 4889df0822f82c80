"""How a run went, or goes: its phases, and its losses as curves."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from assistant.finetuning.runs.models import EvaluationRun, Run, TrainingRun
from webui.learning.charts import LineChart, line_chart
from webui.learning.names import OBJECTIVES, PHASES, name_of


@dataclass(frozen=True, slots=True)
class Phase:
    """`step` of `steps`, 0 of 0 where it does not count; `state` is done, now or ahead."""

    name: str
    state: str
    step: int
    steps: int


TRAINING = ("prepare", "replay", "reference", "train", "finish")
EVALUATION = ("integrity", "smoke", "regression", "benefit", "cost")


def phases_of(run: Run) -> list[Phase]:
    """The known phases in their order; an evaluation's suites stand where they were asked."""
    told: dict[str, list[int]] = run.progress.get("course", {}).get("phases", {})
    known: tuple[str, ...] = EVALUATION if isinstance(run, EvaluationRun) else TRAINING
    if isinstance(run, TrainingRun) and run.is_dry_run:
        known = ("prepare", "replay", "train", "finish")
    names = [*told, *(name for name in known if name not in told)]
    now = run.progress.get("phase", "") if run.state == Run.State.RUNNING else ""
    is_done = run.state == Run.State.COMPLETED
    phases = []
    for name in names:
        step, steps = told.get(name) or (0, 0)
        state = "now" if name == now else "done" if name in told or is_done else "ahead"
        phases.append(Phase(name_of(PHASES, name), state, step, steps))
    return phases


def curves_of(run: TrainingRun) -> list[LineChart]:
    """Loss by objective as it was trained; loss on the dev rows; drift from the base model."""
    course = run.progress.get("course", {})
    steps = course.get("steps", [])
    objectives = dict.fromkeys(name for _step, losses in steps for name in losses)
    trained = {
        name_of(OBJECTIVES, name): [(step, losses[name]) for step, losses in steps if name in losses]
        for name in objectives
    }
    checks = [(check["step"], check["dev_nll"], check["drift"]) for check in run.result.get("checks", [])]
    checks = checks or [(at, nll, drift) for at, nll, drift, _is_best in course.get("checks", [])]
    step, nats = _("step"), _("nats per token")
    held = [(at, nll) for at, nll, _drift in checks if nll is not None]
    drift = [(at, far) for at, _nll, far in checks]
    charts = [
        line_chart(_("Loss while it is trained"), step, _("loss"), trained),
        line_chart(_("Loss on answers it does not learn from"), step, nats, {_("held out to stop in time"): held}),
        line_chart(_("Drift from the base model"), step, nats, {_("drift"): drift}, y_from=0.0),
    ]
    return [chart for chart in charts if chart]
