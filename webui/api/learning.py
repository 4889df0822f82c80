"""Runs and verdicts for programs, with the session of a reviewer or, to begin or end something, of an administrator."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status

from assistant.adapters.queries import adapter_named
from assistant.finetuning import listing
from assistant.finetuning.runs import queries
from assistant.finetuning.runs.models import EvaluationRun, TrainingRun
from assistant.finetuning.runs.training import cancel, request_training
from webui.workbench import staff_of

router = Router()


class StartIn(Schema):
    """`snapshot` is the beginning of its hash, `config` what differs from the trainer's defaults."""

    snapshot: str
    config: dict[str, Any] = {}
    seed: int = 0
    dry_run: bool = True


class RunOut(Schema):
    id: UUID
    state: str
    progress: dict[str, Any]
    result: dict[str, Any]
    error_code: str
    error_message: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class EvidenceOut(Schema):
    sha256: str
    name: str
    state: str
    erased_share: float
    evaluation: RunOut | None


@router.post("/learning/runs", response={201: RunOut})
def start(request: HttpRequest, body: StartIn) -> Status[TrainingRun]:
    person = staff_of(request)
    snapshot = listing.snapshot_named(body.snapshot)
    run = request_training(person, snapshot, body.config, seed=body.seed, is_dry_run=body.dry_run)
    return Status(201, run)


@router.get("/learning/runs/{uuid:run_id}", response=RunOut)
def read_run(request: HttpRequest, run_id: UUID) -> TrainingRun | EvaluationRun:
    staff_of(request)
    return queries.run_of(run_id)


@router.delete("/learning/runs/{uuid:run_id}", response={204: None})
def cancel_run(request: HttpRequest, run_id: UUID) -> Status[None]:
    """It ends at its next step, and stays readable."""
    person = staff_of(request)
    cancel(person, queries.run_of(run_id).pk)
    return Status(204, None)


@router.get("/learning/adapters/{slug:sha256}/evidence", response=EvidenceOut)
def read_evidence(request: HttpRequest, sha256: str) -> dict[str, Any]:
    """The newest verdict with its findings; null where there is none yet."""
    staff_of(request)
    adapter = adapter_named(sha256)
    evaluation = queries.evaluation_of(adapter)
    return {
        "sha256": adapter.sha256,
        "name": adapter.name,
        "state": adapter.state,
        "erased_share": adapter.erased_share,
        "evaluation": evaluation,
    }
