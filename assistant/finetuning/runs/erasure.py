"""What an erasure means for runs and adapters: the files of runs on an erased snapshot go, since they quote it, a run
under way is cancelled, and an adapter that learned from it says how much of its weight that was."""

from __future__ import annotations

import shutil
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.dispatch import receiver

from assistant.adapters.models import Adapter
from assistant.finetuning.erasure import snapshots_erased
from assistant.finetuning.models import ErasureReceipt
from assistant.finetuning.runs.kinds import folder_of
from assistant.finetuning.runs.models import EvaluationRun, Run, TrainingRun


@receiver(snapshots_erased)
def taint(sender: object, *, receipt: ErasureReceipt, **_: Any) -> None:
    for found in receipt.snapshots:
        adapters = Adapter.objects.filter(training_runs__snapshot=found["sha256"])
        # Several erasures add up: each was another part of the weight.
        Adapter.objects.filter(pk__in=adapters.values("pk")).update(
            erased_share=F("erased_share") + found["weight_share"]
        )
    hashes = [found["sha256"] for found in receipt.snapshots]
    runs: list[Run] = [
        *TrainingRun.objects.filter(snapshot__in=hashes),
        *EvaluationRun.objects.filter(training_run__snapshot__in=hashes),
    ]
    for run in runs:
        if run.is_active:
            type(run)._default_manager.filter(pk=run.pk).update(cancel_requested_at=Now())

    def remove_files() -> None:
        for run in runs:
            shutil.rmtree(folder_of(run), ignore_errors=True)

    transaction.on_commit(remove_files)
