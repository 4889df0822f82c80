"""The page on which reviewers judge the questions that a training made."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import Settings

from assistant.finetuning import snapshots
from assistant.finetuning.runs.kinds import folder_of
from assistant.models import Person, RefusedQuestion, TrainingRun
from tests.learned import examples
from tests.webui.roles import VISITORS

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def run(db: None, settings: Settings, tmp_path: Path) -> TrainingRun:
    settings.DATA_DIR = tmp_path
    settings.SECRET_KEY = "the same splits in each run of the tests"  # before anybody signs in
    examples()
    run = TrainingRun.objects.create(snapshot=snapshots.build(), state="completed")
    folder_of(run).mkdir(parents=True)
    rows = [
        {
            "id": f"{UUID(int=number)}~{turn}",
            "origin": str(UUID(int=number)),
            "augmented": "wording" if number % 2 else "reading",
            "prompt": [{"role": "user", "content": f"{HOSTILE} {number}.{turn}"}],
            "completion": [{"role": "assistant", "content": "Fine."}],
        }
        for number in range(1, 31)
        for turn in range(4)
    ]
    (folder_of(run) / "augmented.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run


@pytest.fixture
def reviewer(run: TrainingRun, bob: Person) -> Client:
    client = Client()
    client.force_login(bob, "django.contrib.auth.backends.ModelBackend")
    return client


def test_a_page_of_them_is_refused_at_once_and_the_next_follows(reviewer: Client, run: TrainingRun) -> None:
    address = f"/learning/runs/{run.pk}/questions/"
    assert address in reviewer.get(f"/learning/runs/{run.pk}/").content.decode()
    page = reviewer.get(address).content.decode()
    ids = re.findall(r'name="refused" value="([^"]+)"', page)
    assert len(ids) == 50
    assert HOSTILE not in page
    assert f"{HOSTILE} 1.0" in html.unescape(page)

    answer = reviewer.post(f"{address}?after=0", {"refused": ids[:2]})

    assert answer["Location"] == f"{address}?after=50"
    assert RefusedQuestion.objects.count() == 2
    assert "Kept. Changed: 2." in reviewer.get(answer["Location"]).content.decode()
    assert reviewer.get(address).content.decode().count(" checked") >= 2
    assert reviewer.get(f"{address}?after=nonsense").status_code == 400


def test_whoever_only_reviews_cannot_train_again(reviewer: Client, run: TrainingRun) -> None:
    assert "Train again" not in reviewer.get(f"/learning/runs/{run.pk}/questions/").content.decode()


@pytest.mark.parametrize("visitor", ["alice", *(visitor for visitor in VISITORS if visitor != "bob")])
def test_nobody_else_sees_or_judges_them(visitor: str, run: TrainingRun, enter: Callable[..., Client]) -> None:
    client, address = enter(visitor), f"/learning/runs/{run.pk}/questions/"
    status = 401 if visitor == "nobody" else 403

    assert client.get(address).status_code == status
    assert client.post(address, {"refused": f"{UUID(int=1)}~1"}).status_code == status
    assert not RefusedQuestion.objects.exists()
