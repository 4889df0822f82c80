"""A snapshot is what was approved, frozen: named by its content, the same whenever it is made again."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings
from uuid_utils.compat import uuid7

from assistant.accounts import actions as accounts
from assistant.errors import AssistantError
from assistant.finetuning import examples, snapshots
from assistant.finetuning.files import folder_of
from assistant.models import AuditEvent, DatasetSnapshot, Example, Person, SnapshotItem
from tests.assistant.learning import accept_all, consenting, corrected, example

pytestmark = pytest.mark.django_db

TOPICS = ("rivers", "lakes", "clouds", "stones", "trees", "bridges", "harbours", "glaciers", "deserts", "islands")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path
    settings.SECRET_KEY = "the same splits in each run of the tests"


def store(*rows: Example) -> list[Example]:
    Example.objects.bulk_create(rows)
    return list(rows)


def imported(count: int = 40) -> list[Example]:
    return store(
        *(
            example(
                f"What about {TOPICS[n % 10]} of the {hashlib.sha256(bytes([n])).hexdigest()[:12]} kind?",
                f"{TOPICS[n % 10].title()} are {hashlib.sha256(bytes([n, 1])).hexdigest()}.",
            )
            for n in range(count)
        )
    )


def lines_of(snapshot: DatasetSnapshot, split: str) -> list[dict[str, object]]:
    text = (folder_of(snapshot.sha256) / f"{split}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_rows_are_in_the_files_of_their_splits(settings: Settings) -> None:
    imported()

    snapshot = snapshots.build()

    rows = {split: lines_of(snapshot, split) for split in ("train", "dev", "test")}
    assert sum(map(len, rows.values())) == snapshot.rows == 40
    assert all(row["split"] == split for split, part in rows.items() for row in part)
    first = rows["train"][0]
    assert set(first) == {"id", "kind", "prompt", "completion", "weight", "group", "split"}
    stored = Example.objects.get(pk=first["id"])
    assert (first["prompt"], first["completion"]) == (stored.prompt, stored.completion)
    assert (first["group"], first["split"], first["weight"]) == (stored.group, stored.split, 1.0)


def test_kinds_have_the_fields_of_trl() -> None:
    good, bad = [{"role": "assistant", "content": "Yes."}], [{"role": "assistant", "content": "No."}]
    store(
        example("Is it?", "", kind="preference", completion=None, chosen=good, rejected=bad),
        example("Is it so?", "Yes.", kind="unpaired", label=False),
    )

    snapshot = snapshots.build()

    rows = {row["kind"]: row for split in ("train", "dev", "test") for row in lines_of(snapshot, split)}
    assert (rows["preference"]["chosen"], rows["preference"]["rejected"]) == (good, bad)
    assert (rows["unpaired"]["completion"], rows["unpaired"]["label"]) == (good, False)


def test_it_is_named_by_its_rows_and_says_what_its_files_are() -> None:
    imported()

    snapshot = snapshots.build()

    folder = folder_of(snapshot.sha256)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest == snapshot.manifest
    data = {split: (folder / f"{split}.jsonl").read_bytes() for split in ("train", "dev", "test")}
    assert manifest["files"] == {f"{split}.jsonl": hashlib.sha256(d).hexdigest() for split, d in data.items()}
    rows = sorted(line for d in data.values() for line in d.decode().splitlines())
    assert hashlib.sha256("\n".join(rows).encode()).hexdigest() == snapshot.sha256
    assert sum(manifest["counts"][split].get("sft", 0) for split in data) == manifest["rows"] == 40
    groups = [set(manifest["groups"][split]) for split in ("train", "dev", "test")]
    assert all(groups)
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_the_same_examples_are_the_same_snapshot() -> None:
    imported()
    first = snapshots.build()

    assert snapshots.build() == first
    assert DatasetSnapshot.objects.count() == 1
    assert AuditEvent.objects.filter(action="snapshot.build").count() == 1


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(12)))
def test_the_order_in_which_they_were_stored_means_nothing(order: list[int]) -> None:
    Example.objects.all().delete()
    ids = [uuid7() for _ in range(12)]
    rows = [example(f"What about {TOPICS[n % 10]} {n % 3}?", f"Answer {n % 4} is right.", id=ids[n]) for n in range(12)]
    for row in rows:
        row.key = str(row.id)

    store(*(rows[n] for n in range(12)))
    plain = snapshots.plan()
    Example.objects.all().delete()
    store(*(rows[n] for n in order))
    shuffled = snapshots.plan()

    assert [(row.candidate, row.weight) for row in shuffled.rows] == [(row.candidate, row.weight) for row in plain.rows]
    assert (shuffled.placed, shuffled.dropped) == (plain.placed, plain.dropped)


def test_what_was_in_a_snapshot_keeps_its_split_in_the_next() -> None:
    imported(30)
    snapshots.build()
    before = dict(Example.objects.values_list("id", "split"))
    store(*(example(f"What about {topic} at all, tell me?", f"{topic} are fine") for topic in TOPICS))

    snapshots.build()

    after = dict(Example.objects.values_list("id", "split"))
    assert {id_: after[id_] for id_ in before} == before
    assert DatasetSnapshot.objects.count() == 2


def test_it_can_be_made_again_from_what_the_database_holds() -> None:
    imported()
    snapshot = snapshots.build()
    folder = folder_of(snapshot.sha256)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    shutil.rmtree(folder)

    snapshots.rebuild(snapshot)

    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_it_is_not_made_again_of_something_else() -> None:
    rows = imported()
    snapshot = snapshots.build()
    Example.objects.filter(pk=rows[0].pk).update(completion=[{"role": "assistant", "content": "Changed"}])

    with pytest.raises(AssistantError, match=r"snapshot\.changed"):
        snapshots.rebuild(snapshot)


def test_what_was_merged_is_known_and_counted() -> None:
    twins = store(*(example("What is a tide?", text, base_weight=0.4) for text in ("The sea rises.", "the sea rises!")))

    snapshot = snapshots.build()

    assert (snapshot.rows, snapshot.manifest["merged"]) == (1, 1)
    row, other = (SnapshotItem.objects.get(example=twin) for twin in twins)
    assert (row.merged_into, row.weight, other.merged_into, other.weight) == (None, 0.8, row, 0.0)


def test_a_preview_writes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    imported()

    call_command("snapshot", "build", preview=True)

    assert json.loads(capsys.readouterr().out)["rows"] == 40
    assert not DatasetSnapshot.objects.exists()
    assert not Example.objects.exclude(split="").exists()
    assert not (tmp_path / "snapshots").exists()


def test_consent_is_asked_once_more_and_what_is_left_out_is_said(alice: Person, charlie: Person, bob: Person) -> None:
    for person in (alice, charlie):
        corrected(consenting(person), f"What does {person.username} want to know?", "I do not know.", "Everything.")
    accept_all(bob)
    examples.build()
    accounts.set_training_consent(charlie.id, is_given=False)

    manifest = snapshots.build().manifest

    theirs = sorted(str(id_) for id_ in Example.objects.filter(person=charlie).values_list("id", flat=True))
    assert manifest["dropped"]["not_consented"] == {"count": 2, "examples": theirs}
    assert not SnapshotItem.objects.filter(example__person=charlie).exists()
    assert manifest["people"] == 1
    # Training asks how many people the single ratings of its split come from.
    assert [found for found in manifest["people_by_kind"].values() if found] == [{"preference": 1, "sft": 1}]


def test_only_what_is_approved_is_in_it() -> None:
    approved, *others = store(
        *(example(f"Question about {status}?", "Because.", status=status) for status in Example.Status)
    )
    Example.objects.filter(pk=approved.pk).update(status=Example.Status.APPROVED)
    Example.objects.filter(pk__in=[row.pk for row in others if row.status == "approved"]).update(status="pending")
    store(example("Who are you?", "Me.<|im_end|>"))

    manifest = snapshots.build().manifest

    assert manifest["not_approved"] == {"held": 1, "pending": 1, "rejected": 1, "rejected template_token": 1}
    assert [item.example_id for item in SnapshotItem.objects.all()] == [approved.pk]


def test_without_examples_there_is_no_snapshot() -> None:
    with pytest.raises(CommandError, match="There is no example"):
        call_command("snapshot", "build")


def test_the_commands_tell_what_was_made(capsys: pytest.CaptureFixture[str]) -> None:
    imported()
    call_command("snapshot", "build")
    snapshot = DatasetSnapshot.objects.get()
    call_command("snapshot", "list")
    call_command("snapshot", "rebuild", snapshot.sha256[:8])

    built, listed, rebuilt = capsys.readouterr().out.splitlines()
    assert built == f"{snapshot.sha256}  40 rows in {folder_of(snapshot.sha256)}"
    assert listed.split()[:3] == [snapshot.sha256, "40", "rows"]
    assert rebuilt == str(folder_of(snapshot.sha256))
    with pytest.raises(CommandError, match="No snapshot has this hash"):
        call_command("snapshot", "rebuild", "zz")


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_what_was_in_a_snapshot_decides_for_what_is_like_it_even_when_it_may_not_be_used(split: str) -> None:
    (first,) = store(example("What is a tide, and why?", "The sea rises.", split=split, group="g", status="rejected"))
    store(example("what is a tide and why", "Water that comes and goes."))

    snapshot = snapshots.build()

    assert [(item.split, item.example_id == first.pk) for item in snapshot.items.all()] == [(split, False)]


@pytest.mark.parametrize("change", [{"split": "test"}, {"split": "train"}, None])
def test_what_changes_while_a_plan_is_made_is_planned_again(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str] | None
) -> None:
    first, *_ = imported(3)
    plan, plans = snapshots.plan, 0

    def plan_and_be_late(within: object = None) -> snapshots.Plan:
        nonlocal plans
        plans, planned = plans + 1, plan()
        if plans == 1:
            row = Example.objects.filter(pk=first.pk)
            row.update(**change) if change else row.delete()
        return planned

    monkeypatch.setattr(snapshots, "plan", plan_and_be_late)
    snapshot = snapshots.build()

    assert snapshot.rows == (3 if change else 2)
    if change:
        assert (
            SnapshotItem.objects.get(example=first).split == Example.objects.get(pk=first.pk).split == change["split"]
        )


def test_what_never_stands_still_is_not_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    imported(3)
    monkeypatch.setattr(snapshots, "_keep_places", lambda planned: False)

    with pytest.raises(AssistantError, match=r"snapshot\.busy"):
        snapshots.build()
    assert not DatasetSnapshot.objects.exists()
