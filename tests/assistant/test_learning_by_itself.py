"""Learning begins at set times or when enough is approved, once however many workers look, and promotes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from assistant.accounts import actions as accounts
from assistant.finetuning import snapshots
from assistant.finetuning.runs import automation
from assistant.finetuning.runs.automation import begin_if_due, status
from assistant.finetuning.runs.runner import RunRunner
from assistant.models import (
    Adapter,
    AuditEvent,
    DatasetSnapshot,
    Example,
    LearningStart,
    Message,
    Person,
    Rollout,
    TrainingRun,
)
from assistant.schedules import Schedule
from tests.assistant.learning import accept_all, consenting, corrected, example
from tests.assistant.test_learning_side_by_side import at_once
from tests.assistant.test_runner import until

pytestmark = pytest.mark.django_db(transaction=True)

NIGHT = datetime(2026, 11, 26, 3, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _few(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR = tmp_path
    settings.LEARNING_SCHEDULE, settings.LEARNING_THRESHOLD = None, 0
    monkeypatch.setattr(automation, "MINIMUM", 3)


@pytest.fixture
def nightly(settings: Settings) -> None:
    settings.LEARNING_SCHEDULE = Schedule.parse("daily 03:00")


def approve(count: int, beginning_at: int = 0) -> None:
    """So many answers that staff brought in."""
    Example.objects.bulk_create(
        example(f"What about {n * 7919} of them?", f"Answer {n * 104729}.")
        for n in range(beginning_at, beginning_at + count)
    )


def outcomes() -> list[str]:
    return list(LearningStart.objects.order_by("claimed_at").values_list("outcome", flat=True))


def test_by_default_nothing_begins_by_itself() -> None:
    approve(5)

    assert begin_if_due(NIGHT) is None
    assert status(NIGHT).why_not == ["off"]


def test_at_the_set_time_a_snapshot_is_built_and_a_training_queued(nightly: None) -> None:
    approve(5)

    start = begin_if_due(NIGHT)

    run = TrainingRun.objects.get()
    assert start is not None
    assert (start.outcome, start.run, start.occasion) == ("queued", run, "2026-11-26T03:00Z")
    assert (run.state, run.requested_by, run.snapshot.rows) == ("queued", None, 5)
    assert list(AuditEvent.objects.order_by("number").values_list("action", flat=True)) == [
        "snapshot.build",
        "training.begun_by_itself",
    ]
    assert not Rollout.objects.exists()


def test_it_begins_once_each_time(nightly: None) -> None:
    approve(5)
    assert begin_if_due(NIGHT)
    TrainingRun.objects.update(state="completed")
    approve(5, beginning_at=5)

    assert begin_if_due(NIGHT + timedelta(hours=1)) is None
    assert "not_due" in status(NIGHT + timedelta(hours=1)).why_not
    assert begin_if_due(NIGHT + timedelta(days=1))
    assert TrainingRun.objects.count() == 2


def test_a_machine_that_was_off_makes_up_for_it_but_not_the_whole_day(nightly: None) -> None:
    approve(5)

    assert begin_if_due(NIGHT + timedelta(hours=14)) is None
    assert begin_if_due(NIGHT + timedelta(hours=11))


def test_it_begins_when_enough_is_new(settings: Settings) -> None:
    settings.LEARNING_THRESHOLD = 5
    approve(4)
    assert begin_if_due() is None
    assert status().why_not == ["not_due"]

    approve(1, beginning_at=4)

    start = begin_if_due()
    assert start is not None
    assert (start.cause, start.outcome) == ("threshold", "queued")
    TrainingRun.objects.update(state="completed")
    approve(4, beginning_at=5)
    assert begin_if_due() is None
    approve(1, beginning_at=9)
    assert begin_if_due()


def test_what_people_corrected_and_staff_approved_counts(settings: Settings, alice: Person, bob: Person) -> None:
    settings.LEARNING_THRESHOLD = 3
    for number in range(3):
        corrected(consenting(alice), f"Where does river {number * 7919} end?", "In a lake.", f"At {number * 104729}.")
    assert status().approved == 0
    accept_all(bob)
    assert (status().approved, status().fresh, status().why_not) == (3, 3, [])
    accounts.set_training_consent(alice.id, is_given=False)
    assert status().approved == 0


def test_below_the_minimum_it_says_how_many_are_missing(nightly: None) -> None:
    approve(2)

    assert begin_if_due(NIGHT) is None
    assert (status(NIGHT).approved, status(NIGHT).minimum, status(NIGHT).why_not) == (2, 3, ["too_few"])


def test_what_turns_out_to_be_too_few_is_kept_with_its_reason(nightly: None, alice: Person, bob: Person) -> None:
    """Approved, and then asked differently: there is no example of it."""
    approve(2)
    accepted = corrected(consenting(alice), "Where do rivers end?", "In a lake.", "In the sea.")
    accept_all(bob)
    Message.objects.filter(pk=accepted.message_id).update(edited_at=timezone.now())

    start = begin_if_due(NIGHT)

    assert start is not None
    assert start.outcome == "learning.too_few"
    assert begin_if_due(NIGHT) is None


def test_nothing_new_is_no_training(nightly: None) -> None:
    approve(5)
    begin_if_due(NIGHT)
    TrainingRun.objects.update(state="completed")

    assert begin_if_due(NIGHT + timedelta(days=1)) is None
    assert status(NIGHT + timedelta(days=1)).why_not == ["nothing_new"]


def test_while_something_is_trained_or_evaluated_it_waits(nightly: None) -> None:
    approve(5)
    snapshot = DatasetSnapshot.objects.create(sha256="a" * 64, manifest={}, rows=0)
    DatasetSnapshot.objects.update(created_at=timezone.now() - timedelta(days=3))
    TrainingRun.objects.create(snapshot=snapshot)

    assert begin_if_due(NIGHT) is None
    assert status(NIGHT).why_not == ["working"]


def test_of_several_workers_one_begins(nightly: None) -> None:
    approve(5)

    begun = at_once(*[lambda: begin_if_due(NIGHT)] * 4)

    assert len([start for start in begun if start]) == 1
    assert TrainingRun.objects.count() == 1


def test_what_a_worker_that_died_had_begun_is_begun_again(nightly: None) -> None:
    approve(5)
    LearningStart.objects.create(cause="schedule", occasion="2026-11-26T03:00Z", claimed_at=NIGHT)
    assert begin_if_due(NIGHT + timedelta(minutes=10)) is None

    assert begin_if_due(NIGHT + timedelta(minutes=40))

    assert outcomes() == ["queued"]


def test_who_took_too_long_queues_nothing(nightly: None, monkeypatch: pytest.MonkeyPatch) -> None:
    approve(5)
    build: Callable[[], DatasetSnapshot] = snapshots.build

    def slow() -> DatasetSnapshot:
        LearningStart.objects.update(claimed_at=NIGHT + timedelta(hours=1))  # another has taken over
        return build()

    monkeypatch.setattr(automation.snapshots, "build", slow)
    begin_if_due(NIGHT)

    assert not TrainingRun.objects.exists()
    assert outcomes() == [""]


def test_an_idle_training_worker_looks(nightly: None, monkeypatch: pytest.MonkeyPatch) -> None:
    approve(5)

    def look() -> None:
        begin_if_due(NIGHT)
        connection.close()

    runner = RunRunner([], look)
    runner.start()
    until(lambda: TrainingRun.objects.exists())
    runner.drain()
    runner.join()


def test_the_command_says_where_learning_stands_and_why_it_does_not_begin(nightly: None, alice: Person) -> None:
    approve(2)
    corrected(consenting(alice), "Where do rivers end?", "In a lake.", "In the sea.")

    told = _status()

    assert "2 of the 3" in told
    assert "1 waits for a reviewer" in told
    assert "The base model answers." in told
    assert "too few answers are approved" in told

    approve(3, beginning_at=2)
    begin_if_due(NIGHT)
    Adapter.objects.create(name="v1", sha256="1" * 64, state="live")
    told = _status()
    assert "a training or an evaluation is under way" in told
    assert "v1 answers." in told
    assert "2026-11-26T03:00Z" in told


def _status() -> str:
    out = StringIO()
    call_command("loop", "status", stdout=out)
    return out.getvalue()
