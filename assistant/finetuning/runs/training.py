"""Asking for an adapter: what a training run is told, and what is made of what it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from assistant.accounts.models import Person
from assistant.adapters.actions import import_adapter
from assistant.chat.queries import loaded_base_model
from assistant.errors import AssistantError
from assistant.finetuning import files
from assistant.finetuning.models import DatasetSnapshot
from assistant.finetuning.runs import made_questions
from assistant.finetuning.runs.evaluation import request_evaluation
from assistant.finetuning.runs.kinds import Kind
from assistant.finetuning.runs.models import EvaluationRun, Run, TrainingRun
from assistant.finetuning.runs.tasks import wake_workers

# What a request may set of a training's spec (inference/training/spec.py checks the values).
CHANGEABLE = (
    *("threads", "dtype", "epochs", "max_length", "seeds"),
    *("lora", "optimizer", "batch", "objectives", "ratings", "replay", "stopping", "augmentation"),
)


@transaction.atomic
def request_training(
    person: Person | None,
    snapshot: DatasetSnapshot,
    config: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    is_dry_run: bool = False,
) -> TrainingRun:
    """Queue an adapter to be trained from a snapshot; `person` None is the schedule. Raises request.not_allowed,
    training.unknown_setting."""
    if person is not None and person.role != Person.Role.ADMIN:
        raise AssistantError("request.not_allowed")
    config = dict(config or {})
    if unknown := sorted(set(config) - set(CHANGEABLE)):
        raise AssistantError("training.unknown_setting", name=", ".join(unknown))
    run = TrainingRun.objects.create(
        snapshot=snapshot, config=config, seed=seed, is_dry_run=is_dry_run, requested_by=person
    )
    transaction.on_commit(lambda: wake_workers(run.pk))
    return run


@transaction.atomic
def cancel(person: Person | None, run_id: UUID) -> None:
    """End a run at its next step; one that nobody has begun ends at once. Raises request.not_allowed."""
    if person is not None and person.role != Person.Role.ADMIN:
        raise AssistantError("request.not_allowed")
    for model in (TrainingRun, EvaluationRun):
        rows = model._default_manager.filter(pk=run_id)
        rows.filter(state__in=Run.ACTIVE, cancel_requested_at=None).update(cancel_requested_at=Now())
        rows.filter(state=Run.State.QUEUED, attempts=0).update(state=Run.State.CANCELLED, finished_at=Now())
    transaction.on_commit(lambda: wake_workers(run_id))


def _spec_of(run: TrainingRun) -> dict[str, Any]:
    folder = files.folder_of(run.snapshot_id)
    if not (folder / "train.jsonl").is_file():
        raise AssistantError("snapshot.erased")
    if settings.MODEL == "upstream":
        raise AssistantError("training.no_weights")
    base = loaded_base_model()
    if not base:
        raise AssistantError("training.no_base_model")
    makes_questions = "augmentation" in run.config
    return {
        **run.config,
        "base_model": str(settings.MODEL_PATH),
        "base_model_sha256": base,
        "snapshot": str(folder),
        "seed": run.seed,
        "dry_run": run.is_dry_run,
        "cache": str(Path(settings.DATA_DIR) / "cache"),
        # Made questions are checked by it where it is at hand; it comes with the approved answers.
        "embedder": settings.EMBEDDER_PATH if Path(settings.EMBEDDER_PATH).is_dir() else None,
        "refused": str(made_questions.refused_file(run)) if makes_questions else None,
    }


def _take_in(run: TrainingRun, folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    base = result["base_model_sha256"]
    if run.is_dry_run:
        return {"base_model_sha256": base}
    name = f"{run.created_at:%Y-%m-%d} {run.snapshot_id[:6]}-{run.seed}"
    adapter = import_adapter(folder / "adapter", name=name, base_model_sha256=base)
    TrainingRun.objects.filter(pk=run.pk).update(adapter=adapter)
    request_evaluation(None, adapter)
    return {"base_model_sha256": base, "adapter": adapter}


def launcher(processes: int) -> tuple[str, ...]:
    """What starts so many processes of a run. They need no GPU: without one, accelerate would start a single process
    by itself, whatever the number."""
    if processes == 1:
        return ()
    number = ("--num_processes", str(processes), "--num_machines", "1")
    # Any free port: another run of this machine may have the usual one.
    others = ("--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0")
    return ("accelerate.commands.launch", "--multi_gpu", *number, *others, "--module")


TRAINING = Kind(TrainingRun, "inference.training", _spec_of, _take_in, lambda: launcher(settings.TRAINING_PROCESSES))
