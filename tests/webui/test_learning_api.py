"""Runs and verdicts over JSON: what a program needs to start a training, wait for it and read its verdict."""

from __future__ import annotations

import pytest
from django.test import Client

from assistant.models import Adapter, DatasetSnapshot, EvaluationRun, Person, TrainingRun

JSON = "application/json"


@pytest.fixture
def admin(alice: Person) -> Client:
    alice.role = Person.Role.ADMIN
    alice.save()
    client = Client()
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def snapshot(db: None) -> DatasetSnapshot:
    return DatasetSnapshot.objects.create(sha256="a" * 64, manifest={}, rows=1)


def test_what_is_begun_is_an_estimate_unless_asked_otherwise(admin: Client, snapshot: DatasetSnapshot) -> None:
    begun = admin.post("/api/learning/runs", {"snapshot": "aaaa", "config": {"epochs": 2}, "seed": 3}, JSON)

    assert begun.status_code == 201
    run = TrainingRun.objects.get()
    assert (run.is_dry_run, run.config, run.seed, run.snapshot) == (True, {"epochs": 2}, 3, snapshot)
    assert begun.json()["id"] == str(run.pk)
    admin.post("/api/learning/runs", {"snapshot": "aaaa", "dry_run": False}, JSON)
    assert TrainingRun.objects.filter(is_dry_run=False).count() == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"snapshot": "bbbb"}, "snapshot.not_found"),
        ({"snapshot": "aaaa", "config": {"luck": 1}}, "training.unknown_setting"),
        ({}, "request.invalid"),
    ],
)
def test_what_cannot_be_begun_is_said(
    body: dict[str, object], code: str, admin: Client, snapshot: DatasetSnapshot
) -> None:
    assert admin.post("/api/learning/runs", body, JSON).json()["code"] == code
    assert not TrainingRun.objects.exists()


def test_one_sees_how_far_it_is_and_ends_it(admin: Client, snapshot: DatasetSnapshot) -> None:
    run = TrainingRun.objects.create(snapshot=snapshot, state="running", attempts=1, progress={"step": 4, "steps": 9})

    assert admin.get(f"/api/learning/runs/{run.pk}").json()["progress"] == {"step": 4, "steps": 9}
    assert admin.delete(f"/api/learning/runs/{run.pk}").status_code == 204
    run.refresh_from_db()
    assert run.cancel_requested_at is not None


def test_an_evaluation_that_waits_is_ended_at_once(admin: Client, snapshot: DatasetSnapshot) -> None:
    adapter = Adapter.objects.create(name="v1", sha256="b" * 64, base_model_sha256="0" * 64)
    training = TrainingRun.objects.create(snapshot=snapshot, adapter=adapter, state="completed")
    evaluation = EvaluationRun.objects.create(adapter=adapter, training_run=training)

    admin.delete(f"/api/learning/runs/{evaluation.pk}")

    assert admin.get(f"/api/learning/runs/{evaluation.pk}").json()["state"] == "cancelled"


def test_the_verdict_is_read_with_its_findings(admin: Client, snapshot: DatasetSnapshot) -> None:
    adapter = Adapter.objects.create(name="v1", sha256="b" * 64, base_model_sha256="0" * 64)
    training = TrainingRun.objects.create(snapshot=snapshot, adapter=adapter, state="completed")
    path = "/api/learning/adapters/bbbbbbbbbbbb/evidence"
    assert admin.get(path).json()["evaluation"] is None

    result = {"verdict": "fail", "findings": [{"metric": "drift"}]}
    EvaluationRun.objects.create(adapter=adapter, training_run=training, state="completed", result=result)

    assert admin.get(path).json()["evaluation"]["result"] == result
    assert admin.get("/api/learning/adapters/cccc/evidence").json()["code"] == "adapter.not_found"
