"""Long work of a training worker: claimed once, told how far it is, cancelled, handed on, never in people's way."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from assistant.chat.actions import Accepted
from assistant.errors import AssistantError
from assistant.finetuning import files
from assistant.finetuning.runs import runner as runner_module
from assistant.finetuning.runs.child import Child, FolderBusy
from assistant.finetuning.runs.kinds import Kind, folder_of
from assistant.finetuning.runs.runner import RunRunner
from assistant.finetuning.runs.training import TRAINING, cancel, request_training
from assistant.models import Adapter, DatasetSnapshot, Generation, Person, TrainingRun
from tests.assistant.test_runner import until

pytestmark = pytest.mark.django_db(transaction=True)

StartRunner = Callable[[], RunRunner]
COUNTING = Kind(TrainingRun, "tests.assistant.fake_run", lambda run: run.config, lambda run, folder, result: {})


@pytest.fixture(autouse=True)
def _quick(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR = tmp_path
    for name, value in {"ROUND_S": 0.05, "IDLE_S": 0.2, "BEAT_S": 0.1, "CANCEL_GRACE_S": 1.0}.items():
        monkeypatch.setattr(runner_module, name, value)


@pytest.fixture
def start_runner() -> Iterator[StartRunner]:
    runners: list[RunRunner] = []

    def start() -> RunRunner:
        runners.append(RunRunner([COUNTING]))
        runners[-1].start()
        return runners[-1]

    yield start
    for runner in runners:
        runner.drain()
        runner.join()


def counting(**spec: Any) -> TrainingRun:
    snapshot, _ = DatasetSnapshot.objects.get_or_create(sha256="a" * 64, defaults={"manifest": {}, "rows": 0})
    return TrainingRun.objects.create(snapshot=snapshot, config={"steps": 5, **spec})


def state_of(run: TrainingRun) -> str:
    run.refresh_from_db()
    return run.state


def test_a_run_is_worked_on_and_its_result_kept(start_runner: StartRunner) -> None:
    run = counting()
    start_runner()

    until(lambda: state_of(run) == "completed")

    assert run.result["counted"] == 5
    assert (run.attempts, run.fence) == (1, 1)
    assert run.finished_at > run.started_at > run.created_at


def test_one_that_cannot_begin_yet_waits_without_losing_an_attempt(
    start_runner: StartRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = [AssistantError("training.no_base_model"), AssistantError("training.no_base_model")]

    def told(run: TrainingRun) -> dict[str, Any]:
        if reasons:
            raise reasons.pop()
        config: dict[str, Any] = run.config
        return config

    monkeypatch.setattr(sys.modules[__name__], "COUNTING", dataclasses.replace(COUNTING, spec_of=told))
    monkeypatch.setattr(runner_module, "PUT_OFF_S", 0.1)
    run = counting()
    start_runner()

    until(lambda: state_of(run) == "completed")

    assert (reasons, run.attempts) == ([], 1)


def test_one_sees_how_far_it_is(start_runner: StartRunner) -> None:
    run = counting(steps=500)
    start_runner()

    until(lambda: state_of(run) == "running" and run.progress.get("step", 0) > 3)

    assert run.progress["phase"] == "train"
    assert run.progress["steps"] == 500


def test_a_process_knows_no_secret_and_no_database(start_runner: StartRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "for us alone")
    run = counting()
    start_runner()

    until(lambda: state_of(run) == "completed")

    assert {"SECRET_KEY", "DATABASE_URL", "REDIS_URL"}.isdisjoint(run.result["knows"])


def test_cancelling_ends_it_at_its_step_and_leaves_nothing(start_runner: StartRunner) -> None:
    run = counting(steps=10_000)
    start_runner()
    until(lambda: state_of(run) == "running" and run.progress.get("step", 0) > 3)

    cancel(None, run.pk)

    until(lambda: state_of(run) == "cancelled", within_s=3)
    assert not folder_of(run).exists()
    assert run.adapter is None


def test_what_nobody_has_begun_is_cancelled_at_once() -> None:
    run = counting()

    cancel(None, run.pk)

    assert state_of(run) == "cancelled"


# A launcher of several processes ends with 1 when one of them was stopped.
@pytest.mark.parametrize("status", [75, 1])
def test_a_worker_that_leaves_hands_its_run_to_the_next(start_runner: StartRunner, status: int) -> None:
    run = counting(steps=40, stop_status=status)
    first = start_runner()
    until(lambda: state_of(run) == "running" and run.progress.get("step", 0) > 3)
    first.drain()
    first.join()
    assert (state_of(run), run.attempts) == ("queued", 0)
    counted = int((folder_of(run) / "counted").read_text())
    assert 3 < counted < 40

    start_runner()
    until(lambda: state_of(run) == "completed")

    assert (run.attempts, run.result["counted"]) == (1, 40)


def test_a_run_whose_worker_died_is_taken_over(start_runner: StartRunner) -> None:
    run = counting()
    TrainingRun.objects.update(state="running", fence=1, attempts=1, beat_at=Now() - timedelta(minutes=1))

    start_runner()
    until(lambda: state_of(run) == "completed")

    assert (run.attempts, run.fence) == (2, 2)


def test_a_process_that_falls_is_started_again_and_goes_on(start_runner: StartRunner) -> None:
    run = counting(steps=8, fall_at=4)
    start_runner()

    until(lambda: state_of(run) == "completed")

    assert (run.attempts, run.result["counted"]) == (2, 8)


def test_a_process_that_falls_three_times_has_failed_and_its_last_words_are_kept(start_runner: StartRunner) -> None:
    run = counting(steps=8, fall_at=1, step_s=0)
    start_runner()

    until(lambda: _forget_progress(run) or state_of(run) == "failed")

    assert (run.attempts, run.error_code) == (3, "run.process_ended")
    assert run.error_message == "a word before the end"


def _forget_progress(run: TrainingRun) -> bool:
    """So that it falls at the same step again."""
    (folder_of(run) / "counted").unlink(missing_ok=True)
    return False


def test_what_a_process_left_is_taken_in_whole_or_the_run_has_failed(
    start_runner: StartRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the worker goes on with the next one."""

    def take_in(run: TrainingRun, folder: Path, result: dict[str, Any]) -> dict[str, Any]:
        if run.seed:
            return {}
        Adapter.objects.create(name="half", sha256="h" * 64)
        raise AssistantError("adapter.invalid", reason="it has no weights")

    monkeypatch.setattr(sys.modules[__name__], "COUNTING", dataclasses.replace(COUNTING, take_in=take_in))
    broken, sound = counting(), counting()
    TrainingRun.objects.filter(pk=sound.pk).update(seed=1)
    start_runner()

    until(lambda: state_of(sound) == "completed")

    assert (state_of(broken), broken.error_code) == ("failed", "run.result_unusable")
    assert "it has no weights" in broken.error_message
    assert not Adapter.objects.exists()


def test_what_cannot_be_read_fails_at_once_with_its_reason(start_runner: StartRunner) -> None:
    run = counting(refuse="Line 3 is not JSON.")
    start_runner()

    until(lambda: state_of(run) == "failed")

    assert (run.attempts, run.error_code, run.error_message) == (1, "training.bad_rows", "Line 3 is not JSON.")


def test_it_waits_while_people_do(start_runner: StartRunner, asked: Accepted) -> None:
    run = counting(steps=20)
    start_runner()
    until(lambda: state_of(run) == "running" and run.progress.get("phase") == "paused")
    before = run.progress.get("step", 0)
    time.sleep(0.3)
    run.refresh_from_db()
    assert run.progress.get("step", 0) == before

    Generation.objects.update(state="completed")

    until(lambda: state_of(run) == "completed")


def test_whoever_lost_the_lease_stops_and_changes_nothing(start_runner: StartRunner) -> None:
    run = counting(steps=10_000)
    start_runner()
    until(lambda: state_of(run) == "running" and run.progress.get("step", 0) > 3)

    TrainingRun.objects.update(fence=7, beat_at=Now())
    time.sleep(0.5)
    counted = (folder_of(run) / "counted").read_text()
    time.sleep(0.2)

    assert (folder_of(run) / "counted").read_text() == counted
    assert (state_of(run), run.fence) == ("running", 7)


def test_two_processes_never_work_in_one_folder(tmp_path: Any) -> None:
    (tmp_path / "spec.json").write_text(f'{{"steps": 1000, "output": "{tmp_path}", "pause_file": "{tmp_path}/pause"}}')
    first = Child("tests.assistant.fake_run", tmp_path)

    with pytest.raises(FolderBusy):
        Child("tests.assistant.fake_run", tmp_path)

    first.kill()
    Child("tests.assistant.fake_run", tmp_path).kill()


def test_a_process_gives_way_to_all_others(tmp_path: Any) -> None:
    (tmp_path / "spec.json").write_text(f'{{"steps": 1000, "output": "{tmp_path}", "pause_file": "{tmp_path}/pause"}}')
    child = Child("tests.assistant.fake_run", tmp_path)

    assert os.getpriority(os.PRIO_PROCESS, child._process.pid) == 19
    child.kill()


def test_a_launcher_starts_the_module_with_its_spec(tmp_path: Any) -> None:
    (tmp_path / "spec.json").write_text(f'{{"steps": 2, "output": "{tmp_path}", "pause_file": "{tmp_path}/pause"}}')

    child = Child("tests.assistant.fake_run", tmp_path, ("runpy",))

    assert child.wait(30) == 0
    assert (tmp_path / "counted").read_text() == "2"


def test_only_an_admin_asks_for_a_run_or_ends_it(alice: Person, bob: Person) -> None:
    run = counting()
    for person in (alice, bob):
        with pytest.raises(AssistantError, match=r"request\.not_allowed"):
            request_training(person, run.snapshot)
        with pytest.raises(AssistantError, match=r"request\.not_allowed"):
            cancel(person, run.pk)
    assert state_of(run) == "queued"


def test_beside_another_server_a_training_says_which_weights_it_misses(settings: Any) -> None:
    run = counting()
    snapshot = files.folder_of(run.snapshot_id)
    snapshot.mkdir(parents=True)
    (snapshot / "train.jsonl").touch()
    settings.MODEL = "upstream"

    with pytest.raises(AssistantError, match=r"training\.no_weights"):
        TRAINING.spec_of(run)


def test_a_setting_that_is_not_there_is_named() -> None:
    run = counting()
    with pytest.raises(AssistantError, match="lerning_rate"):
        request_training(None, run.snapshot, {"lerning_rate": 1})
