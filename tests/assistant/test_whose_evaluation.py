"""An evaluation is that of the run whose adapter it judges, also where another run came out at the same weights."""

from __future__ import annotations

import pytest
from django.utils import timezone

from assistant.finetuning.runs.evaluation import request_evaluation
from assistant.models import Adapter, DatasetSnapshot, TrainingRun

pytestmark = pytest.mark.django_db


def test_it_is_the_latest_runs_before_that_run_has_ended() -> None:
    snapshot = DatasetSnapshot.objects.create(sha256="a" * 64, manifest={}, rows=1)
    adapter = Adapter.objects.create(name="v1", sha256="2" * 64)
    TrainingRun.objects.create(snapshot=snapshot, adapter=adapter, finished_at=timezone.now())
    latest = TrainingRun.objects.create(snapshot=snapshot, adapter=adapter)

    assert request_evaluation(None, adapter).training_run == latest
