"""Several adapters of one run: asked for in a word, one of them judged, the others its witnesses."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from assistant.errors import AssistantError
from assistant.finetuning.files import folder_of as snapshot_folder
from assistant.finetuning.runs.evaluation import EVALUATION, request_evaluation
from assistant.finetuning.runs.kinds import folder_of
from assistant.finetuning.runs.training import TRAINING
from assistant.models import Adapter, DatasetSnapshot, TrainingRun

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Any, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path


@pytest.fixture
def snapshot() -> DatasetSnapshot:
    snapshot = DatasetSnapshot.objects.create(sha256="a" * 64, manifest={}, rows=1)
    folder = snapshot_folder(snapshot.sha256)
    folder.mkdir(parents=True)
    for split in ("train", "dev", "test"):
        (folder / f"{split}.jsonl").write_text("")
    return snapshot


def test_the_command_asks_for_them(snapshot: DatasetSnapshot, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("train", "--seeds", "3", "--seed", "5", "--no-wait")

    run = TrainingRun.objects.get()
    assert (run.config, run.seed) == ({"seeds": 3}, 5)
    assert "is queued" in capsys.readouterr().out


def test_the_gate_is_told_of_those_that_are_not_the_candidate(snapshot: DatasetSnapshot) -> None:
    adapter = Adapter.objects.create(name="v1", sha256="2" * 64)
    seeds = [{"seed": n, "adapter": f"seeds/{n}/adapter", "adapter_sha256": str(n) * 64} for n in (1, 2, 3)]
    run = TrainingRun.objects.create(snapshot=snapshot, adapter=adapter, result={"seeds": seeds})

    evaluation = request_evaluation(None, adapter)

    assert EVALUATION.spec_of(evaluation)["seeds"] == [
        {"path": str(folder_of(run) / f"seeds/{n}/adapter"), "sha256": str(n) * 64} for n in (1, 3)
    ]
    run.result = {}
    run.save()
    assert EVALUATION.spec_of(request_evaluation(None, adapter))["seeds"] == []


def test_as_many_processes_as_the_setting_says(settings: Settings) -> None:
    assert TRAINING.launcher() == ()
    settings.TRAINING_PROCESSES = 4
    launcher = TRAINING.launcher()
    assert launcher[0] == "accelerate.commands.launch"
    assert launcher[launcher.index("--num_processes") + 1] == "4"
    assert EVALUATION.launcher() == ()


def test_without_its_snapshot_there_is_no_verdict(snapshot: DatasetSnapshot) -> None:
    adapter = Adapter.objects.create(name="v1", sha256="2" * 64)
    TrainingRun.objects.create(snapshot=snapshot, adapter=adapter)
    (snapshot_folder(snapshot.sha256) / "test.jsonl").unlink()

    with pytest.raises(AssistantError, match=r"snapshot\.erased"):
        EVALUATION.spec_of(request_evaluation(None, adapter))
