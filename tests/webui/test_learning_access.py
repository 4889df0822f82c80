"""The learning loop's forms: administrators act, reviewers only look, and nobody else even sees."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client

from assistant.models import Adapter, DatasetSnapshot, EvaluationRun, Example, Person, Rollout, TrainingRun
from tests.assistant.learning import example
from tests.webui.roles import VISITORS

KEPT = (Adapter, DatasetSnapshot, EvaluationRun, Example, Rollout, TrainingRun)


@pytest.fixture
def of_the_loop(db: None) -> dict[str, object]:
    """One of each thing that a form may name."""
    snapshot = DatasetSnapshot.objects.create(sha256="a" * 64, manifest={}, rows=1)
    adapter = Adapter.objects.create(name="v1", sha256="b" * 64, base_model_sha256="0" * 64, erased_share=0.1)
    run = TrainingRun.objects.create(snapshot=snapshot, adapter=adapter, is_dry_run=True)
    held = example("What?", "That.")
    held.save()
    return {"run": run.pk, "adapter": adapter.sha256[:12], "example": held.pk}


FORMS = {
    "/learning/runs/start/": {"snapshot": "a" * 64, "epochs": 1, "learning_rate": 0.001, "rank": 4, "seed": 0},
    "/learning/runs/{run}/cancel/": {},
    "/learning/runs/{run}/train/": {},
    "/learning/data/build/": {},
    "/learning/data/release/": {"example": "{example}", "reason": "It is fine."},
    **{
        f"/learning/adapters/{{adapter}}/{verb}/": {"reason": "Because."}
        for verb in ("try", "advance", "promote", "back", "evaluate", "retrain")
    },
}


def everything() -> list[list[dict[str, object]]]:
    return [list(model._default_manager.order_by("pk").values()) for model in KEPT]


@pytest.mark.parametrize("visitor", ["alice", *VISITORS])
@pytest.mark.parametrize("form", FORMS)
def test_nobody_but_an_administrator_changes_anything(
    form: str, visitor: str, enter: Callable[..., Client], of_the_loop: dict[str, object]
) -> None:
    before = everything()
    fields = {name: str(value).format(**of_the_loop) for name, value in FORMS[form].items()}

    answer = enter(visitor).post(form.format(**of_the_loop), fields)

    assert answer.status_code == (401 if visitor == "nobody" else 403)
    assert everything() == before


@pytest.mark.parametrize("form", FORMS)
def test_a_page_elsewhere_sends_none_of_them(
    form: str, enter: Callable[..., Client], alice: Person, of_the_loop: dict[str, object]
) -> None:
    alice.role = Person.Role.ADMIN
    alice.save()
    before = everything()
    fields = {name: str(value).format(**of_the_loop) for name, value in FORMS[form].items()}

    answer = enter("alice", enforce_csrf_checks=True).post(form.format(**of_the_loop), fields)

    assert answer.status_code == 403
    assert everything() == before


@pytest.mark.parametrize("path", ["runs/{}/", "runs/{}/cancel/", "runs/{}/train/"])
def test_a_run_that_is_not_there_is_not_found(path: str, enter: Callable[..., Client], alice: Person) -> None:
    alice.role = Person.Role.ADMIN
    alice.save()
    client, address = enter("alice"), f"/learning/{path.format(uuid4())}"

    answer = client.get(address) if path == "runs/{}/" else client.post(address, follow=True)

    assert answer.status_code == 404


@pytest.mark.parametrize("visitor", ["alice", *VISITORS])
def test_over_json_it_is_the_same(visitor: str, enter: Callable[..., Client], of_the_loop: dict[str, object]) -> None:
    client, before = enter(visitor), everything()
    expected = 401 if visitor == "nobody" else 403

    begun = client.post("/api/learning/runs", {"snapshot": "a" * 12}, "application/json")
    ended = client.delete(f"/api/learning/runs/{of_the_loop['run']}")

    assert (begun.status_code, ended.status_code) == (expected, expected)
    assert everything() == before
