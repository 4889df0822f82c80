"""An adapter that learned from what was erased is trained again without it, by one action that the audit keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from assistant.chat.erasure import erase_person
from assistant.errors import AssistantError
from assistant.finetuning import snapshots
from assistant.finetuning.files import folder_of
from assistant.finetuning.runs.retraining import retrain_without
from assistant.models import Adapter, AuditEvent, DatasetSnapshot, Example, Person, TrainingRun
from tests.assistant.learning import example
from tests.assistant.test_snapshots import lines_of
from tests.learned import examples

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path
    settings.SECRET_KEY = "the same splits in each run of the tests"


@pytest.fixture
def ada(db: None) -> Person:
    return Person.objects.create(username="ada", email="ada@example.org", role=Person.Role.ADMIN)


def trained(snapshot: DatasetSnapshot) -> Adapter:
    adapter = Adapter.objects.create(name="v1", sha256="b" * 64, base_model_sha256="0" * 64)
    TrainingRun.objects.create(
        snapshot=snapshot, adapter=adapter, state="completed", config={"epochs": 2}, seed=7, base_model_sha256="0" * 64
    )
    return adapter


def ids_in(snapshot: DatasetSnapshot) -> set[str]:
    return {str(line["id"]) for split in snapshots.SPLITS for line in lines_of(snapshot, split)}


def test_it_is_trained_on_what_is_left_with_the_same_settings(ada: Person, charlie: Person) -> None:
    examples(charlie)
    before = snapshots.build()
    adapter = trained(before)
    theirs = {str(id_) for id_ in Example.objects.filter(person=charlie).values_list("id", flat=True)}
    left = ids_in(before) - theirs
    later = example("What came later?", "Something else altogether.")
    Example.objects.bulk_create([later])
    erase_person(charlie.id)
    adapter.refresh_from_db()
    assert 0 < adapter.erased_share < 1

    run = retrain_without(ada, adapter)

    assert (run.config, run.seed, run.state, run.requested_by) == ({"epochs": 2}, 7, "queued", ada)
    assert ids_in(run.snapshot) == left  # neither what was erased nor what came later
    assert not folder_of(before.sha256).exists()
    event = AuditEvent.objects.get(action="adapter.retrain_without")
    assert (event.object_id, event.after) == (adapter.sha256, {"snapshot": run.snapshot_id})


def test_what_may_no_longer_be_learned_from_is_left_out_too(ada: Person, charlie: Person) -> None:
    rows = examples(charlie)
    adapter = trained(snapshots.build())
    erase_person(charlie.id)
    adapter.refresh_from_db()
    Example.objects.filter(pk=rows[10].pk).update(status=Example.Status.REJECTED)

    run = retrain_without(ada, adapter)

    assert str(rows[10].pk) not in ids_in(run.snapshot)


def test_only_admins_do_it_and_only_where_something_was_erased(ada: Person, bob: Person) -> None:
    examples()
    adapter = trained(snapshots.build())

    with pytest.raises(AssistantError, match=r"request\.not_allowed"):
        retrain_without(bob, adapter)
    with pytest.raises(AssistantError, match=r"adapter\.untainted"):
        retrain_without(ada, adapter)
    elsewhere = Adapter.objects.create(name="v0", sha256="c" * 64, base_model_sha256="0" * 64, erased_share=0.1)
    with pytest.raises(AssistantError, match=r"adapter\.not_trained_here"):
        retrain_without(ada, elsewhere)
    assert not TrainingRun.objects.filter(state="queued").exists()


def test_where_nothing_is_left_there_is_nothing_to_train_on(ada: Person, charlie: Person) -> None:
    examples(charlie)
    adapter = trained(snapshots.build())
    Example.objects.exclude(person=charlie).delete()
    erase_person(charlie.id)
    adapter.refresh_from_db()

    with pytest.raises(AssistantError, match=r"snapshot\.empty"):
        retrain_without(ada, adapter)
