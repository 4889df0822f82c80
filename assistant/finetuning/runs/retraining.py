"""Training an adapter again without what had to be erased from what it learned from."""

from __future__ import annotations

from django.db import transaction

from assistant.accounts.models import Person
from assistant.adapters.models import Adapter
from assistant.audit import chain
from assistant.errors import AssistantError
from assistant.finetuning import snapshots
from assistant.finetuning.models import SnapshotItem
from assistant.finetuning.runs.models import TrainingRun
from assistant.finetuning.runs.training import request_training


def retrain_without(person: Person, adapter: Adapter) -> TrainingRun:
    """Freeze what is left of an adapter's examples, and may still be learned from, and queue a training on it with the
    same settings; its evaluation follows by itself. Raises request.not_allowed, adapter.not_trained_here,
    adapter.untainted, snapshot.empty, snapshot.busy."""
    if person.role != Person.Role.ADMIN:
        raise AssistantError("request.not_allowed")
    run = TrainingRun.objects.filter(adapter=adapter).order_by("-finished_at").first()
    if run is None:
        raise AssistantError("adapter.not_trained_here")
    if not adapter.erased_share:
        raise AssistantError("adapter.untainted")
    left = SnapshotItem.objects.filter(snapshot=run.snapshot_id).exclude(example=None)
    # Outside of the transaction, as every build: on SQLite nobody else could write meanwhile.
    snapshot = snapshots.build(person.id, within=set(left.values_list("example", flat=True)))
    with transaction.atomic():
        chain.record(
            person.pk,
            "adapter.retrain_without",
            "adapter",
            adapter.sha256,
            before={"snapshot": run.snapshot_id, "erased_share": adapter.erased_share},
            after={"snapshot": snapshot.sha256},
        )
        return request_training(person, snapshot, run.config, seed=run.seed)
