"""Reads about runs and the adapters that came of them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Prefetch, TextField
from django.db.models.functions import Cast

from assistant.adapters.models import Adapter
from assistant.chat.queries import Page
from assistant.errors import AssistantError
from assistant.finetuning.listing import PAGE_SIZE, held_out_cases, page_of
from assistant.finetuning.models import DatasetSnapshot, ErasureReceipt
from assistant.finetuning.runs import detectable
from assistant.finetuning.runs.models import EvaluationRun, Run, TrainingRun


@dataclass(frozen=True, slots=True)
class Reach:
    """What a gate on a snapshot could find: `win_rate` from 0.5 to 1, None where nothing could; `effect` in units of
    `metric` when an evaluation before says how much answers vary."""

    cases: int
    win_rate: float | None
    metric: str = ""
    effect: float | None = None

    @property
    def is_enough(self) -> bool:
        return self.cases >= detectable.MIN_CASES

    @property
    def needed(self) -> int:
        return detectable.MIN_CASES


def training_runs(cursor: str | None = None, limit: int = PAGE_SIZE) -> Page[TrainingRun]:
    """With their evaluations, newest first. Raises page.invalid_cursor."""
    evaluations = EvaluationRun.objects.select_related("baseline").order_by("-created_at")
    rows = TrainingRun.objects.select_related("adapter", "snapshot", "requested_by")
    return page_of(rows.prefetch_related(Prefetch("evaluation_runs", queryset=evaluations)), cursor, limit)


def run_of(run_id: UUID) -> TrainingRun | EvaluationRun:
    """Raises run.not_found."""
    training = TrainingRun.objects.select_related("adapter", "snapshot", "requested_by").filter(pk=run_id).first()
    run = (
        training
        or EvaluationRun.objects.select_related("adapter", "baseline", "training_run").filter(pk=run_id).first()
    )
    if run is None:
        raise AssistantError("run.not_found")
    return run


def ahead_of(run: Run) -> int:
    """How many runs will be begun before a queued one."""
    waiting = [
        model._default_manager.filter(state__in=Run.ACTIVE, created_at__lt=run.created_at).count()
        for model in (TrainingRun, EvaluationRun)
    ]
    return sum(waiting)


def estimate_of(run: TrainingRun) -> TrainingRun | None:
    """The newest estimate before a training that was made for its very settings."""
    rows = TrainingRun.objects.filter(snapshot=run.snapshot_id, seed=run.seed, created_at__lt=run.created_at)
    rows = rows.filter(is_dry_run=True, state=Run.State.COMPLETED).order_by("-created_at")[:PAGE_SIZE]
    return next((estimate for estimate in rows if estimate.config == run.config), None)


def reach_of(snapshot: DatasetSnapshot) -> Reach:
    cases = held_out_cases(snapshot)
    before = EvaluationRun.objects.filter(state=Run.State.COMPLETED).order_by("-finished_at").first()
    findings = before.result.get("findings", []) if before else []
    primary = next((found for found in findings if found["role"] == "primary" and found["mde"] is not None), None)
    rate = detectable.win_rate(cases)
    if primary is None or not cases:
        return Reach(cases, rate)
    effect = detectable.scaled(primary["mde"], primary["clusters"], cases)
    return Reach(cases, rate, primary["metric"], effect)


def adapters(cursor: str | None = None, limit: int = PAGE_SIZE) -> Page[Adapter]:
    """With their evaluations, newest first. Raises page.invalid_cursor."""
    done = EvaluationRun.objects.order_by("-created_at")
    return page_of(Adapter.objects.prefetch_related(Prefetch("evaluation_runs", queryset=done)), cursor, limit)


def live_adapter() -> Adapter | None:
    """None: the base model answers."""
    return Adapter.objects.filter(state=Adapter.State.LIVE).first()


def training_of(adapter: Adapter) -> TrainingRun | None:
    """The run that made it; the newest, where several came to the same weights."""
    return adapter.training_runs.select_related("snapshot", "requested_by").order_by("-finished_at").first()


def evaluation_of(adapter: Adapter) -> EvaluationRun | None:
    """The newest that came to a verdict."""
    done = adapter.evaluation_runs.filter(state=Run.State.COMPLETED).select_related("baseline")
    return done.order_by("-finished_at").first()


def active_evaluation_of(adapter: Adapter) -> EvaluationRun | None:
    return adapter.evaluation_runs.filter(state__in=Run.ACTIVE).order_by("created_at").first()


def receipts_of(snapshot_sha256: str) -> list[ErasureReceipt]:
    """The erasures that reached a snapshot."""
    named = ErasureReceipt.objects.annotate(text=Cast("snapshots", TextField()))
    return list(named.filter(text__contains=snapshot_sha256).order_by("-id")[:PAGE_SIZE])


def adapters_from(snapshot: DatasetSnapshot) -> list[Adapter]:
    """The adapters that were made of it."""
    return list(Adapter.objects.filter(training_runs__snapshot=snapshot).distinct().order_by("-id")[:PAGE_SIZE])
