"""The lines of the table: what each adapter is trained from and how, through the product's own queue."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db.models.functions import Now

from assistant.adapters.models import Adapter
from assistant.finetuning.models import DatasetSnapshot
from assistant.finetuning.runs.models import EvaluationRun, Run, TrainingRun
from assistant.finetuning.runs.training import request_training

POLL_S = 0.5
NO_REPLAY = {"share": 0.0}


@dataclass(frozen=True, slots=True)
class Arm:
    """`changes` are settings of the trainer that differ from the recipe; of a gated one the verdict is waited for."""

    name: str
    says: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    snapshot: Literal["filtered", "unfiltered"] = "filtered"
    is_gated: bool = False


def arms(worded: Mapping[str, Any]) -> list[Arm]:
    """In the order in which they are measured: what matters most comes first, so that a stop costs the least. `worded`
    is the recipe with other wordings."""
    no_ratings = {"preference": 0.0, "unpaired": 0.0}
    worded = {"objectives": no_ratings, **worded}
    reading = {**worded, "augmentation": {**worded["augmentation"], "reading": 0.5}}
    return [
        Arm("wordings", "SFT + replay + other wordings", worded, is_gated=True),
        Arm("replay", "SFT + pairs + ratings + replay"),
        Arm("sft", "SFT alone", {"objectives": no_ratings, "replay": NO_REPLAY}),
        Arm("pairs", "SFT + pairs", {"objectives": {"unpaired": 0.0}, "replay": NO_REPLAY}),
        Arm("ratings", "SFT + pairs + ratings", {"replay": NO_REPLAY}),
        Arm("unfiltered", "SFT + pairs + ratings + replay, with trolls and no filter", snapshot="unfiltered"),
        Arm("wordings-1", "SFT + replay + other wordings, second seed", worded, seed=1),
        Arm("wordings-2", "SFT + replay + other wordings, third seed", worded, seed=2),
        Arm("reading", "SFT + replay + other wordings + reading", reading),
    ]


def trained(arm: Arm, snapshot: DatasetSnapshot, recipe: Mapping[str, Any], *, is_gated: bool) -> TrainingRun:
    """Train it, and wait for the gate's verdict if there is to be one. A run that failed is a result too."""
    config = {**recipe, **arm.changes}
    # Begun before a stop of the demo, it goes on where it was.
    begun = TrainingRun.objects.filter(snapshot=snapshot, config=config, seed=arm.seed)
    run = begun.order_by("-created_at").first() or request_training(None, snapshot, config, seed=arm.seed)
    _wait_for(run)
    for evaluation in EvaluationRun.objects.filter(training_run=run):
        if not is_gated:
            # Nobody asks for its verdict, and the time is better spent on the next line.
            EvaluationRun.objects.filter(pk=evaluation.pk).update(cancel_requested_at=Now())
        _wait_for(evaluation)
    return run


def verdict_on(adapter: Adapter) -> dict[str, Any]:
    """The gate's result; empty when it did not run."""
    run = EvaluationRun.objects.filter(adapter=adapter, state=EvaluationRun.State.COMPLETED).first()
    return {"verdict": run.verdict, "reasons": run.result["reasons"]} if run else {}


def _wait_for(run: Run) -> None:
    while run.is_active:
        time.sleep(POLL_S)
        run.refresh_from_db()
