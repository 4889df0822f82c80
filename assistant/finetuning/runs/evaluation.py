"""Asking for a verdict on an adapter: what an evaluation run is told, and what is made of what it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from assistant.accounts.models import Person
from assistant.adapters.models import Adapter
from assistant.adapters.registry import folder_of as adapter_folder
from assistant.errors import AssistantError
from assistant.finetuning import files, regression
from assistant.finetuning.runs.kinds import Kind, folder_of
from assistant.finetuning.runs.models import EvaluationRun, TrainingRun
from assistant.finetuning.runs.tasks import wake_workers


@transaction.atomic
def request_evaluation(
    person: Person | None, adapter: Adapter, rules: Mapping[str, Any] | None = None
) -> EvaluationRun:
    """Queue the comparison of an adapter with what answers now, by `rules` that hold from here on; `person` None is
    the run that trained it. Raises request.not_allowed, adapter.not_trained_here."""
    if person is not None and person.role != Person.Role.ADMIN:
        raise AssistantError("request.not_allowed")
    # The run that asks has not ended yet, and the same rows and settings may have made the same adapter before.
    training_run = TrainingRun.objects.filter(adapter=adapter).order_by("-created_at").first()
    if training_run is None:
        raise AssistantError("adapter.not_trained_here")
    run = EvaluationRun.objects.create(
        adapter=adapter,
        baseline=Adapter.objects.filter(state=Adapter.State.LIVE).exclude(pk=adapter.pk).first(),
        training_run=training_run,
        rules=dict(rules or {}),
        requested_by=person,
    )
    transaction.on_commit(lambda: wake_workers(run.pk))
    return run


def _spec_of(run: EvaluationRun) -> dict[str, Any]:
    snapshot = files.folder_of(run.training_run.snapshot_id)
    if not (snapshot / "test.jsonl").is_file():
        raise AssistantError("snapshot.erased")
    own_suite = regression.write_suite(folder_of(run), snapshot)
    return {
        "v": 1,
        "engine": {
            "model": str(settings.MODEL_PATH),
            "dtype": settings.ENGINE_DTYPE,
            "threads": settings.ENGINE_THREADS,
            "context_length": settings.CONTEXT_LENGTH,
            "backend": settings.ENGINE_BACKEND,
        },
        "candidate": {**_reference(run.adapter), "base_model_sha256": run.adapter.base_model_sha256},
        "baseline": _reference(run.baseline) if run.baseline else None,
        "seeds": _other_seeds(run),
        "test_snapshot": str(snapshot),
        "training_snapshot": str(snapshot),
        "system_message": settings.SYSTEM_MESSAGE,
        "further_suites": [str(own_suite)] if own_suite else [],
        "rules": run.rules,
    }


def _reference(adapter: Adapter) -> dict[str, str]:
    return {"path": str(adapter_folder(adapter)), "sha256": adapter.sha256}


def _other_seeds(run: EvaluationRun) -> list[dict[str, str]]:
    """What was trained with the candidate and differs from it by the seed."""
    folder = folder_of(run.training_run)
    return [
        {"path": str(folder / one["adapter"]), "sha256": one["adapter_sha256"]}
        for one in run.training_run.result.get("seeds", [])
        if one["adapter_sha256"] != run.adapter.sha256
    ]


def _take_in(run: EvaluationRun, folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    return {"verdict": EvaluationRun.Verdict(result["verdict"])}


EVALUATION = Kind(EvaluationRun, "inference.evaluation", _spec_of, _take_in)
