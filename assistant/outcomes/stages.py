"""How far pieces of feedback have come, read for many at once: with as many queries for a page of them as for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from assistant.feedback.models import Review
from assistant.finetuning.models import DatasetSnapshot, Example, SnapshotItem
from assistant.finetuning.runs.models import EvaluationRun, TrainingRun
from assistant.outcomes.models import AskedAgain
from assistant.rollout.models import Rollout

Source = Example.Source

# Why an approved example is in no snapshot, in words that teach nobody how to get around the rules.
HELD = {
    **dict.fromkeys(("burst", "constant_rater", "copied_answer", "entity_spike"), "unusual"),
    **dict.fromkeys(("person_rows", "new_account"), "share"),
    **dict.fromkeys(("template_token",), "unusable"),
    "contradicted": "contradicted",
    "bridges_splits": "kept_for_tests",
}


@dataclass(slots=True)
class Stages:
    """Times that have not come are None. `held`: a value of HELD, why it is in no dataset though nothing else speaks
    against it. `adapter`: the name of the first that was live, else of the newest that learned from it."""

    review: str = ""
    reviewed_at: datetime | None = None
    approved: str = ""
    held: str = ""
    dataset_at: datetime | None = None
    split: str = ""
    adapter: str = ""
    trained_at: datetime | None = None
    gate: str = ""
    judged_at: datetime | None = None
    live_at: datetime | None = None
    is_live: bool = False
    again: AskedAgain | None = None


def stages_of(
    person_id: UUID, comparisons: Collection[UUID], subjects: Mapping[UUID, UUID | None]
) -> dict[UUID, Stages]:
    """`subjects`: piece of feedback -> the reply that is learned from by it; `comparisons` are those pieces that are
    comparisons."""
    stages = {id_: Stages() for id_ in subjects}
    _review(stages, person_id, {id_: message for id_, message in subjects.items() if id_ not in comparisons})
    found = _examples(person_id, comparisons, subjects)
    in_snapshots = _put_in_dataset(stages, found)
    _train(stages, in_snapshots)
    _ask_again(stages, subjects)
    return stages


def _review(stages: dict[UUID, Stages], person_id: UUID, subjects: Mapping[UUID, UUID | None]) -> None:
    rows = Review.objects.filter(person=person_id, message__in=subjects.values()).order_by("id")
    newest = {row.message_id: row for row in rows}
    for id_, message_id in subjects.items():
        if message_id and (row := newest.get(message_id)):
            stages[id_].review, stages[id_].reviewed_at = row.state, row.decided_at
            if row.state in (Review.State.ACCEPTED, Review.State.EDITED):
                stages[id_].approved = row.answer


def _examples(
    person_id: UUID, comparisons: Collection[UUID], subjects: Mapping[UUID, UUID | None]
) -> dict[UUID, list[Example]]:
    """Of each piece of feedback: a comparison makes pairs of its own, all else belongs to what was said of a reply."""
    rows = Example.objects.filter(person=person_id, message__in=subjects.values())
    by_message: dict[tuple[UUID | None, bool], list[Example]] = defaultdict(list)
    for row in rows.only("id", "message_id", "source", "status", "why", "created_at"):
        by_message[row.message_id, row.source == Source.COMPARISON].append(row)
    return {id_: by_message[message, id_ in comparisons] for id_, message in subjects.items()}


def _put_in_dataset(stages: dict[UUID, Stages], found: dict[UUID, list[Example]]) -> dict[UUID, set[str]]:
    """Returns the snapshots that each is in."""
    owner = {example.id: id_ for id_, examples in found.items() for example in examples}
    items = SnapshotItem.objects.filter(example__in=owner).order_by("snapshot__created_at")
    snapshots: dict[UUID, set[str]] = defaultdict(set)
    for example_id, sha256, at, split in items.values_list("example", "snapshot", "snapshot__created_at", "split"):
        of = stages[owner[example_id]]
        of.dataset_at, of.split = of.dataset_at or at, split
        snapshots[owner[example_id]].add(sha256)
    without = {id_: examples for id_, examples in found.items() if examples and id_ not in snapshots}
    if without:
        _hold(stages, without)
    return snapshots


def _hold(stages: dict[UUID, Stages], without: dict[UUID, list[Example]]) -> None:
    """What the newest snapshot was made without says why; one that came later waits for the next."""
    newest = DatasetSnapshot.objects.order_by("-created_at").first()
    dropped = newest.manifest.get("dropped", {}) if newest else {}
    why_of = {id_: why for why, ids in dropped.items() for id_ in ids["examples"]}
    for id_, examples in without.items():
        reasons = (why_of.get(str(example.id)) or example.why for example in examples)
        stages[id_].held = next((HELD[why] for why in reasons if why in HELD), "")


def _train(stages: dict[UUID, Stages], in_snapshots: dict[UUID, set[str]]) -> None:
    shas = {sha256 for each in in_snapshots.values() for sha256 in each}
    runs = TrainingRun.objects.filter(
        snapshot__in=shas, state=TrainingRun.State.COMPLETED, is_dry_run=False, adapter__isnull=False
    )
    runs_of: dict[str, list[TrainingRun]] = defaultdict(list)
    for run in runs.select_related("adapter").defer("result", "progress").order_by("finished_at"):
        runs_of[run.snapshot_id].append(run)
    adapters = {run.adapter_id for each in runs_of.values() for run in each}
    verdicts = _verdicts(adapters)
    live = _rollouts(adapters)
    for id_, snapshots in in_snapshots.items():
        trained = sorted(
            (run for sha256 in snapshots for run in runs_of[sha256]), key=lambda run: run.finished_at or run.created_at
        )
        if trained:
            _tell(stages[id_], trained, verdicts, live)


def _tell(
    of: Stages,
    trained: list[TrainingRun],
    verdicts: dict[UUID | None, EvaluationRun],
    live: dict[UUID | None, list[Rollout]],
) -> None:
    rollouts = sorted((row for run in trained for row in live[run.adapter_id]), key=_live_from)
    first = next((run for run in trained if rollouts and run.adapter_id == rollouts[0].adapter_id), trained[-1])
    assert first.adapter
    of.adapter, of.trained_at = first.adapter.name, first.finished_at
    if verdict := verdicts.get(first.adapter_id):
        of.gate, of.judged_at = verdict.verdict, verdict.finished_at
    if rollouts:
        of.live_at = _live_from(rollouts[0])
        of.is_live = any(not row.end for row in rollouts)


def _verdicts(adapters: Iterable[UUID | None]) -> dict[UUID | None, EvaluationRun]:
    rows = EvaluationRun.objects.filter(adapter__in=adapters, state=EvaluationRun.State.COMPLETED)
    return {row.adapter_id: row for row in rows.defer("result", "progress").order_by("finished_at")}


def _rollouts(adapters: Iterable[UUID | None]) -> dict[UUID | None, list[Rollout]]:
    """The times of answering everybody."""
    by_adapter: dict[UUID | None, list[Rollout]] = defaultdict(list)
    for row in Rollout.objects.filter(adapter__in=adapters, stage=Rollout.Stage.FULL):
        by_adapter[row.adapter_id].append(row)
    return by_adapter


def _live_from(row: Rollout) -> datetime:
    return row.stage_at or row.started_at


def _ask_again(stages: dict[UUID, Stages], subjects: Mapping[UUID, UUID | None]) -> None:
    rows = AskedAgain.objects.filter(message__in=subjects.values(), state=AskedAgain.State.COMPLETED)
    newest = {row.message_id: row for row in rows.select_related("adapter").order_by("finished_at")}
    for id_, message_id in subjects.items():
        if message_id:
            stages[id_].again = newest.get(message_id)
