"""/healthz says that the process lives; /readyz says what is still missing before a question would be answered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client
from pytest_django import Settings

from assistant.models import Worker
from assistant.runtime.valkey import EmbeddedValkey

pytestmark = pytest.mark.django_db
ALL_OK = {"database": "ok", "redis": "ok", "worker": "ok"}


@pytest.fixture(autouse=True)
def _static_folder(settings: Settings) -> None:
    settings.STATIC_ROOT.mkdir(exist_ok=True)  # whose absence the static files middleware would warn of


def worker(state: Worker.State, silent_for_s: float = 0) -> None:
    Worker.objects.create(host="here", pid=1, state=state, beat_at=Now() - timedelta(seconds=silent_for_s))


def test_a_living_process_answers_without_asking_anybody(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_ready_when_database_redis_and_a_loaded_worker_are_there(client: Client, valkey: EmbeddedValkey) -> None:
    worker(Worker.State.READY)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "checks": ALL_OK})


@pytest.mark.parametrize(
    ("state", "silent_for_s", "sentence"),
    [
        (Worker.State.STARTING, 0, "A worker is loading the model."),
        (Worker.State.READY, 60, "No worker is running."),
        (Worker.State.DRAINING, 0, "No worker is running."),
    ],
)
def test_a_worker_that_cannot_answer_yet_is_not_ready(
    client: Client, valkey: EmbeddedValkey, state: Worker.State, silent_for_s: float, sentence: str
) -> None:
    worker(state, silent_for_s)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "checks": ALL_OK | {"worker": sentence}})


def test_a_silent_redis_is_named(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    worker(Worker.State.READY)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == ALL_OK | {"redis": "Redis does not answer."}
