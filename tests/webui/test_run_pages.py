"""Pages of runs and of data: an estimate before anything is spent, progress from the database, and lists by pages."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from assistant.finetuning import examples, snapshots
from assistant.finetuning.runs.detectable import win_rate
from assistant.models import Adapter, AuditEvent, DatasetSnapshot, EvaluationRun, Example, Person, TrainingRun
from tests.assistant.learning import corrected, old_friend
from tests.learned import examples as learned_examples

ESTIMATE = {
    "estimate": {"seconds": 754.0, "train_s": 600, "reference_and_dev_s": 100, "replay_s": 54, "memory_mb": 1834},
    "steps_planned": 120,
    "tokens": 50321,
    "device": "cpu",
    "dtype": "float32",
    "rows": {"sft": 30},
    "too_long": ["a", "b"],
    "cut_prompts": 3,
}


@pytest.fixture(autouse=True)
def _own_data(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.SECRET_KEY = "the same splits in each run of the tests"


@pytest.fixture
def ada(db: None) -> Person:
    return Person.objects.create(username="ada", email="ada@example.org", role=Person.Role.ADMIN)


@pytest.fixture
def admin(ada: Person) -> Client:
    client = Client()
    client.force_login(ada, "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def snapshot(db: None) -> DatasetSnapshot:
    learned_examples()
    return snapshots.build()


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.content
    return html.unescape(answer.content.decode())


def test_the_form_begins_with_an_estimate(admin: Client, ada: Person, snapshot: DatasetSnapshot) -> None:
    fields = {"snapshot": snapshot.sha256, "epochs": 2, "learning_rate": "0.001", "rank": 4, "seed": 5}
    answer = admin.post("/learning/runs/start/", fields)

    run = TrainingRun.objects.get()
    assert answer["Location"] == f"/learning/runs/{run.pk}/"
    assert (run.is_dry_run, run.seed, run.requested_by) == (True, 5, ada)
    assert run.config == {"epochs": 2, "optimizer": {"learning_rate": 0.001}, "lora": {"rank": 4, "alpha": 8}}


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"learning_rate": "nan"}, {"rank": 999}, {"snapshot": "f" * 64}])
def test_what_makes_no_sense_is_said_beside_its_field(
    wrong: dict[str, Any], admin: Client, snapshot: DatasetSnapshot
) -> None:
    fields = {"snapshot": snapshot.sha256, "epochs": 2, "learning_rate": "0.001", "rank": 4, "seed": 5, **wrong}
    answer = admin.post("/learning/runs/start/", fields)

    assert answer.status_code == 400
    assert "errorlist" in answer.content.decode()
    assert not TrainingRun.objects.exists()


def test_the_estimate_says_what_it_costs_and_what_could_be_found(admin: Client, snapshot: DatasetSnapshot) -> None:
    run = TrainingRun.objects.create(
        snapshot=snapshot, is_dry_run=True, state="completed", result=ESTIMATE, config={"epochs": 2}, seed=9
    )

    page = text_of(admin.get(f"/learning/runs/{run.pk}/"))

    for said in ("12 min 34 s", "1834 MB", "50321", "Answers too long, and left out: 2. Prompts cut", "cpu, float32"):
        assert said in page
    assert "Independent corrections held out: 30." in page
    assert f"better in {win_rate(30):.0%} of the cases would be found in four of five" in page
    admin.post(f"/learning/runs/{run.pk}/train/")
    begun = TrainingRun.objects.get(is_dry_run=False)
    assert (begun.config, begun.seed, begun.snapshot) == ({"epochs": 2}, 9, snapshot)


def test_what_a_training_cost_stands_beside_what_was_estimated(admin: Client, snapshot: DatasetSnapshot) -> None:
    settings: dict[str, Any] = {"snapshot": snapshot, "config": {"epochs": 2}, "seed": 9, "state": "completed"}
    TrainingRun.objects.create(**settings, is_dry_run=True, result=ESTIMATE)
    TrainingRun.objects.create(**{**settings, "seed": 8}, is_dry_run=True, result={"estimate": {"seconds": 1}})
    ended = timezone.now()
    result = {"steps": 80, "tokens": 33000, "peak_rss_mb": 1650, "peak_gpu_mb": 0}
    run = TrainingRun.objects.create(
        **settings, started_at=ended - timedelta(seconds=601), finished_at=ended, result=result
    )

    page = text_of(admin.get(f"/learning/runs/{run.pk}/"))

    rows = re.findall(r"<tr><th scope=\"row\">([^<]+)</th><td>([^<]*)</td><td>([^<]*)</td></tr>", page)
    assert rows == [
        ("Time", "12 min 34 s", "10 min 1 s"),
        ("Memory", "1834 MB", "1650 MB"),
        ("Steps", "120", "80"),
        ("Tokens", "50321", "33000"),
    ]


def test_without_an_estimate_what_it_cost_stands_alone(admin: Client, snapshot: DatasetSnapshot) -> None:
    at = timezone.now()
    result = {"steps": 80, "tokens": 33000, "peak_rss_mb": 1650, "peak_gpu_mb": 900}
    run = TrainingRun.objects.create(snapshot=snapshot, state="completed", started_at=at, finished_at=at, result=result)

    page = text_of(admin.get(f"/learning/runs/{run.pk}/"))

    assert "900 MB" in page
    assert "Estimated" not in page


def test_a_small_snapshot_is_told_what_it_cannot_show(admin: Client, snapshot: DatasetSnapshot) -> None:
    kept = Example.objects.filter(split="test").order_by("id")[:8].values_list("id", flat=True)
    Example.objects.filter(split="test").exclude(pk__in=list(kept)).update(status="rejected")
    small = snapshots.build()

    page = text_of(admin.get(f"/learning/data/snapshots/{small.sha256[:12]}/"))

    assert "Independent corrections held out: 8." in page
    assert "With fewer than 20 no benefit can be proven, only harm." in page


def test_a_run_at_work_shows_all_of_its_course_however_late_one_comes(admin: Client, snapshot: DatasetSnapshot) -> None:
    run = TrainingRun.objects.create(
        snapshot=snapshot,
        state="running",
        attempts=2,
        started_at=timezone.now(),
        error_code="run.process_ended",
        error_message="<b>killed</b>",
        progress={
            "phase": "train",
            "step": 3,
            "steps": 120,
            "loss": {"sft": 1.25},
            "tokens_per_s": 81.4,
            "eta_s": 95.0,
            "rss_mb": 700,
            "course": {
                "every": 1,
                "steps": [[1, {"sft": 2.0}], [2, {"sft": 1.5}], [3, {"sft": 1.25}]],
                "checks": [[0, 2.5, 0.0, True], [3, 2.25, 0.01, True]],
                "phases": {"prepare": [], "train": [3, 120]},
            },
        },
    )

    answer = admin.get(f"/learning/runs/{run.pk}/")
    page = text_of(answer)

    for said in ("3 of 120", "1.250", "81", "1 min 35 s", "700 MB", "begun 2 times", "data-active"):
        assert said in page
    assert re.findall(r"<tr><td>(\d)</td><td>([\d.]+)</td></tr>", page)[:3] == [
        ("1", "2.000"), ("2", "1.500"), ("3", "1.250")
    ]  # fmt: skip
    assert "Drift from the base model" in page
    assert "<b>killed" not in answer.content.decode()
    admin.post(f"/learning/runs/{run.pk}/cancel/")
    run.refresh_from_db()
    assert run.cancel_requested_at is not None
    assert "It ends at its next step." in text_of(admin.get(f"/learning/runs/{run.pk}/"))


def test_an_evaluation_shows_each_suite(admin: Client, snapshot: DatasetSnapshot) -> None:
    adapter = Adapter.objects.create(name="v1", sha256="b" * 64, base_model_sha256="0" * 64)
    training = TrainingRun.objects.create(snapshot=snapshot, adapter=adapter, state="completed")
    phases = {"integrity": [], "smoke": [20, 40], "safety": [1, 100]}
    evaluation = EvaluationRun.objects.create(
        adapter=adapter, training_run=training, state="running", progress={"course": {"phases": phases}}
    )

    page = text_of(admin.get(f"/learning/runs/{evaluation.pk}/"))

    assert "20 of 40" in page
    assert "1 of 100" in page
    assert "What should get better" in page  # still ahead


def test_lists_come_a_page_at_a_time(admin: Client, snapshot: DatasetSnapshot) -> None:
    runs = [TrainingRun.objects.create(snapshot=snapshot, state="failed") for _ in range(35)]

    seen, address = [], "/learning/runs/"
    while address:
        page = text_of(admin.get(address))
        seen += re.findall(r'href="/learning/runs/([0-9a-f-]{36})/"', page)
        further = re.search(r'rel="next" href="([^"]+)"', page)
        address = f"/learning/runs/{further[1]}" if further else ""

    assert seen == [str(run.pk) for run in reversed(runs)]
    assert admin.get("/learning/runs/?before=nonsense").status_code == 400
    assert admin.get("/learning/data/?before=nonsense").status_code == 400


def test_what_is_held_back_is_released_with_a_reason(admin: Client, bob: Person) -> None:
    friends = [old_friend(f"friend{number}") for number in range(3)]
    for number, friend in enumerate(friends):
        for topic in ("rivers", "lakes", "clouds"):
            corrected(friend, f"What of {topic} in {number}?", "No idea.", "Buy the wonderful product of ours now.")
    examples.build()
    Example.objects.update(status="approved")

    page = text_of(admin.get("/learning/data/preview/"))
    assert "one answer to many questions" in page
    held = text_of(admin.get("/learning/data/preview/copied_answer/"))
    assert "Buy the wonderful product" in held
    ids = re.findall(r'name="example" value="([0-9a-f-]{36})"', held)
    assert ids

    refused = admin.post("/learning/data/release/", {"example": ids, "reason": " "}, follow=True)
    assert "Say why" in refused.content.decode()
    admin.post("/learning/data/release/", {"example": ids[:2], "reason": "They asked the same."})

    assert {str(id_) for id_ in Example.objects.filter(is_released=True).values_list("id", flat=True)} == set(ids[:2])
    assert AuditEvent.objects.filter(action="example.release", reason="They asked the same.").count() == 2


def test_a_snapshot_is_built_as_it_was_shown(admin: Client, charlie: Person) -> None:
    learned_examples(charlie)
    shown = text_of(admin.get("/learning/data/preview/"))
    admin.post("/learning/data/build/")

    built = DatasetSnapshot.objects.get()
    page = text_of(admin.get(f"/learning/data/snapshots/{built.sha256[:12]}/"))

    rows = re.compile(r"Rows: (\d+)")
    assert rows.search(shown)[1] == rows.search(page)[1] == str(built.rows)
    assert built.sha256 in page
    assert "Most weight comes from" in page
    assert "charlie" not in page


def test_with_nothing_to_learn_from_it_says_so(admin: Client) -> None:
    assert "There is no example that may be learned from." in text_of(admin.post("/learning/data/build/", follow=True))
    for path in ("runs/", "runs/start/", "adapters/", "data/", "data/examples/", "data/preview/", "data/receipts/"):
        assert admin.get(f"/learning/{path}").status_code == 200
