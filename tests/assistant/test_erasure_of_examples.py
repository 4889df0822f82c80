"""Erasing a person or a conversation leaves nothing of it in what is learned from, and a receipt that names nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.apps import apps
from django.core import serializers
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from assistant.accounts import actions as accounts
from assistant.audit import chain
from assistant.chat import erasure, organizing
from assistant.chat.actions import Accepted
from assistant.errors import AssistantError
from assistant.feedback import actions as feedback
from assistant.finetuning import examples, snapshots
from assistant.finetuning.files import folder_of
from assistant.finetuning.runs import kinds as runs
from assistant.models import (
    Adapter,
    Conversation,
    DatasetSnapshot,
    ErasureReceipt,
    EvaluationRun,
    Example,
    FeedbackEvent,
    Person,
    Review,
    SnapshotItem,
    TrainingRun,
)
from tests.assistant.learning import UP, accept_all, answered, consenting, corrected

TRACES = ("Where do rivers", "In the sea", "In a lake")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path


@pytest.fixture
def learned(alice: Person, charlie: Person, bob: Person) -> Accepted:
    """Alice's correction, learned from beside one of charlie's."""
    mine = corrected(consenting(alice), "Where do rivers end?", "In a lake, I believe.", "In the sea, mostly.")
    corrected(consenting(charlie), "What is a cloud?", "I do not know.", "Very small drops of water.")
    accept_all(bob)
    examples.build()
    return mine


def everything(folder: Path) -> str:
    rows = [serializers.serialize("json", model._base_manager.all()) for model in apps.get_models()]
    return "\n".join(rows + [file.read_text(encoding="utf-8") for file in folder.rglob("*.json*")])


def test_a_person_goes_with_all_that_was_learned_from_them(
    alice: Person,
    learned: Accepted,
    tmp_path: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    snapshot = snapshots.build()
    hashes = sorted(Example.objects.filter(person=alice).values_list("content_sha256", flat=True))
    assert [trace for trace in TRACES if trace not in everything(tmp_path)] == []

    with django_capture_on_commit_callbacks(execute=True):
        erasure.erase_person(alice.id)

    assert [trace for trace in (*TRACES, str(alice.id)) if trace in everything(tmp_path)] == []
    assert not folder_of(snapshot.sha256).exists()
    receipt = ErasureReceipt.objects.get()
    assert (receipt.scope, receipt.subject_pseudonym) == ("person", chain.pseudonym_of(alice.id))
    assert receipt.counts == {"files": 0, "events": 2, "reviews": 1, "examples": 2, "passages": 1}
    assert receipt.snapshots == [{"sha256": snapshot.sha256, "rows": 2, "weight_share": 0.5}]
    assert receipt.content_sha256s == hashes
    assert SnapshotItem.objects.filter(snapshot=snapshot, example=None).count() == 2
    assert chain.verify().broken_at is None


def test_a_conversation_goes_with_all_that_was_learned_from_it(
    alice: Person,
    learned: Accepted,
    tmp_path: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    feedback.give(alice.id, answered(alice, "Another question?", "Another answer.").reply_id, UP)
    snapshots.build()
    organizing.delete(alice.id, learned.conversation_id)
    Conversation.objects.filter(deleted_at__isnull=False).update(deleted_at="2026-01-01T00:00:00Z")

    with django_capture_on_commit_callbacks(execute=True):
        assert organizing.erase_deleted() == 1

    assert [trace for trace in TRACES if trace in everything(tmp_path)] == []
    receipt = ErasureReceipt.objects.get()
    assert (receipt.scope, receipt.subject_pseudonym) == ("conversation", chain.pseudonym_of(learned.conversation_id))
    assert receipt.counts == {"files": 0, "events": 2, "reviews": 1, "examples": 2, "passages": 1}
    assert FeedbackEvent.objects.filter(rater=alice).count() == 1


def test_a_conversation_that_nothing_was_learned_from_leaves_no_receipt(alice: Person) -> None:
    accepted = answered(alice)
    Conversation.objects.filter(pk=accepted.conversation_id).update(deleted_at="2026-01-01T00:00:00Z")

    assert organizing.erase_deleted() == 1

    assert not ErasureReceipt.objects.exists()


def test_an_erased_snapshot_is_not_made_again_and_the_next_one_is_clean(
    alice: Person, learned: Accepted, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    snapshot = snapshots.build()
    with django_capture_on_commit_callbacks(execute=True):
        erasure.erase_person(alice.id)

    snapshot.refresh_from_db()
    with pytest.raises(AssistantError, match=r"snapshot\.erased"):
        snapshots.rebuild(snapshot)
    clean = snapshots.build()
    assert (clean.rows, clean.erased_at) == (2, None)
    assert clean != snapshot
    assert folder_of(clean.sha256).exists()


def test_what_was_trained_on_it_is_marked_and_what_runs_left_of_it_goes(
    alice: Person, learned: Accepted, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    snapshot = snapshots.build()
    adapter = Adapter.objects.create(name="a", sha256="a" * 64, base_model_sha256="0" * 64)
    other = Adapter.objects.create(name="b", sha256="b" * 64, base_model_sha256="0" * 64)
    done = TrainingRun.objects.create(snapshot=snapshot, adapter=adapter, state="completed")
    under_way = EvaluationRun.objects.create(adapter=adapter, training_run=done, state="running")
    for run in (done, under_way):
        runs.folder_of(run).mkdir(parents=True)
        (runs.folder_of(run) / "items.jsonl").write_text("In the sea, mostly.")

    with django_capture_on_commit_callbacks(execute=True):
        erasure.erase_person(alice.id)

    shares = dict(Adapter.objects.values_list("name", "erased_share"))
    assert shares == {adapter.name: 0.5, other.name: 0.0}
    assert not runs.folder_of(done).exists()
    assert not runs.folder_of(under_way).exists()
    under_way.refresh_from_db()
    assert under_way.cancel_requested_at is not None


def test_an_erasure_that_fails_takes_no_file_away(
    alice: Person, learned: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = snapshots.build()

    def fails(*_: object) -> None:
        raise erasure.redis.ConnectionError

    monkeypatch.setattr(erasure.stream, "erase", fails)
    with pytest.raises(AssistantError, match=r"person\.not_erased"):
        erasure.erase_person(alice.id)

    assert folder_of(snapshot.sha256).exists()
    assert DatasetSnapshot.objects.get().erased_at is None
    assert not ErasureReceipt.objects.exists()


def test_files_that_outlived_their_erasure_go_with_the_next_build(alice: Person, learned: Accepted) -> None:
    snapshot = snapshots.build()
    erasure.erase_person(alice.id)  # the process dies before it has taken the files away
    assert folder_of(snapshot.sha256).exists()

    snapshots.build()

    assert not folder_of(snapshot.sha256).exists()


def test_what_a_guest_said_follows_them_into_their_account(alice: Person, charlie: Person, learned: Accepted) -> None:
    Person.objects.filter(pk=alice.pk).update(is_guest=True)
    accounts.adopt_guest(alice, charlie)

    assert FeedbackEvent.objects.filter(rater=charlie).count() == 4
    assert Review.objects.filter(person=charlie).count() == 2
    assert Example.objects.filter(person=charlie).count() == 4
