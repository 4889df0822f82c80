"""Freezes examples into a set that never changes: JSONL files and a manifest in a folder named by the hash of the rows.

A plan says what would be in it and what would not, and why; writing it is one more step. Rows are made from examples
and the snapshot's items alone, so a snapshot can be made again to the same hash from what the database holds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.crypto import salted_hmac

from assistant.audit import chain
from assistant.errors import AssistantError
from assistant.finetuning import candidates, files, grouping, holding, merging, weights
from assistant.finetuning.contents import CONTENT, canonical, script_of
from assistant.finetuning.erasure import remove_erased_files
from assistant.finetuning.merging import Merged
from assistant.finetuning.models import DatasetSnapshot, Example, SnapshotItem

SPLITS = ("train", "dev", "test")
MANIFEST_VERSION = 1
_TRIES = 3


@dataclass(slots=True)
class Plan:
    """`rows` in the order of their ids; `placed`: example -> (group, split), also of those merged into others;
    `dropped`: example -> why."""

    rows: list[Merged]
    placed: dict[UUID, tuple[str, str]]
    dropped: dict[UUID, str]


def plan(within: Collection[UUID] | None = None) -> Plan:
    """What a snapshot of this moment would hold, or one of these examples alone. Writes nothing."""
    loaded = candidates.load()
    found, anchors, dropped = loaded.found, loaded.anchors, loaded.dropped
    if within is not None:
        anchors.extend(row for row in found if row.id not in within and row.split)
        found = [row for row in found if row.id in within]
        dropped = {id_: why for id_, why in dropped.items() if id_ in within}

    def without(reasons: dict[UUID, str]) -> None:
        nonlocal found
        dropped.update(reasons)
        anchors.extend(row for row in found if row.id in reasons and row.split)
        found = [row for row in found if row.id not in reasons]

    without(holding.held(found))
    weight_of, weightless = weights.of_candidates(found, timezone.now())
    without(weightless)
    without(merging.contradictions(found))
    assignment = grouping.assign([*found, *anchors], salt())
    without({row.id: assignment.refused[row.id] for row in found if row.id in assignment.refused})
    rows, over = weights.capped(merging.merge(found, weight_of))
    placed = {row.id: assignment.placed[row.id] for row in found}
    return Plan(rows, placed, dropped | over)


def manifest_of(planned: Plan) -> dict[str, Any]:
    """What is in a snapshot of this plan, without its texts and hashes; the preview shows it."""
    examples = Example.objects.in_bulk([row.candidate.id for row in planned.rows])
    splits = {row.candidate.id: planned.placed[row.candidate.id] for row in planned.rows}
    counts: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    groups: dict[str, set[str]] = {split: set() for split in SPLITS}
    weight_by_source: dict[str, float] = defaultdict(float)
    for row in planned.rows:
        group, split = splits[row.candidate.id]
        counts[split][row.candidate.kind] += 1
        groups[split].add(group)
        weight_by_source[row.candidate.source] += row.weight
    dropped: dict[str, list[str]] = defaultdict(list)
    for id_, why in sorted(planned.dropped.items()):
        dropped[why].append(str(id_))
    others = Example.objects.exclude(status=Example.Status.APPROVED).values_list("status", "why").annotate(Count("id"))
    redactions: Counter[str] = Counter()
    for example in examples.values():
        redactions.update(example.redactions)
    return {
        "v": MANIFEST_VERSION,
        "rows": len(planned.rows),
        "merged": sum(len(row.others) for row in planned.rows),
        "counts": {split: dict(sorted(counts[split].items())) for split in SPLITS},
        "groups": {split: sorted(groups[split]) for split in SPLITS},
        "weight_by_source": {source: round(weight, 6) for source, weight in sorted(weight_by_source.items())},
        "scripts": dict(sorted(Counter(script_of(example) for example in examples.values()).items())),
        "people_by_kind": {split: _people_by_kind(planned, split) for split in SPLITS},
        "people": len({example.person_id for example in examples.values() if example.person_id}),
        "simulated": sum(example.is_simulated for example in examples.values()),
        "licences": dict(sorted(Counter(example.licence for example in examples.values() if example.licence).items())),
        "redactions": dict(sorted(redactions.items())),
        "dropped": {why: {"count": len(ids), "examples": ids} for why, ids in sorted(dropped.items())},
        "not_approved": {f"{status} {why}".strip(): count for status, why, count in others.order_by("status", "why")},
    }


def _people_by_kind(planned: Plan, split: str) -> dict[str, int]:
    """How many people's words the rows of `split` are, those merged into others included."""
    people: dict[str, set[UUID]] = defaultdict(set)
    for row in planned.rows:
        if planned.placed[row.candidate.id][1] == split:
            people[row.candidate.kind] |= {one.person_id for one in (row.candidate, *row.others) if one.person_id}
    return {kind: len(found) for kind, found in sorted(people.items())}


def build(person_id: UUID | None = None, within: Collection[UUID] | None = None) -> DatasetSnapshot:
    """Freeze what `plan` says. The same rows again are the same snapshot. Raises snapshot.empty, snapshot.busy."""
    remove_erased_files()
    for _ in range(_TRIES):
        planned = plan(within)
        if not planned.rows:
            raise AssistantError("snapshot.empty")
        if snapshot := _freeze(planned, person_id):
            return snapshot
    raise AssistantError("snapshot.busy")


@transaction.atomic
def _freeze(planned: Plan, person_id: UUID | None) -> DatasetSnapshot | None:
    """None: something of the plan was erased or put elsewhere while it was made. It is made outside of a transaction,
    since it takes long, and SQLite would let nobody else write."""
    if not _keep_places(planned):
        return None
    items = _items(planned)
    lines = _lines(items)
    sha256 = files.hash_of(lines)
    if known := DatasetSnapshot.objects.filter(pk=sha256).first():
        return known
    manifest = manifest_of(planned) | {"sha256": sha256, "files": files.file_hashes(lines)}
    snapshot = DatasetSnapshot.objects.create(
        sha256=sha256, manifest=manifest, rows=len(planned.rows), created_by_id=person_id
    )
    for item in items:
        item.snapshot = snapshot
    SnapshotItem.objects.bulk_create(items, batch_size=500)
    chain.record(person_id, "snapshot.build", "snapshot", sha256, after={"rows": snapshot.rows})
    files.write(sha256, lines, manifest)
    return snapshot


def rebuild(snapshot: DatasetSnapshot) -> None:
    """Write the files of a snapshot again, from its items and their examples. Raises snapshot.erased, snapshot.changed:
    what the database holds is not what was frozen."""
    if snapshot.erased_at:
        raise AssistantError("snapshot.erased")
    lines = _lines(list(snapshot.items.select_related("example")))
    if files.hash_of(lines) != snapshot.sha256:
        raise AssistantError("snapshot.changed")
    files.write(snapshot.sha256, lines, snapshot.manifest)


def salt() -> str:
    """What makes splits unpredictable for those who write examples, and the same for as long as the secret key is."""
    return salted_hmac("parley.split", "1", algorithm="sha256").hexdigest()


def _keep_places(planned: Plan) -> bool:
    """From now on they are what they are: the next plan finds them so. False: one of them is gone, no longer approved,
    or has got another place meanwhile."""
    approved = Example.objects.select_for_update().filter(status=Example.Status.APPROVED).order_by("id")
    places = {id_: (group, split) for id_, group, split in approved.values_list("id", "group", "split")}
    if any(places.get(id_, ("", "gone"))[1] not in ("", split) for id_, (_, split) in planned.placed.items()):
        return False
    for id_, (group, split) in planned.placed.items():
        if places[id_] != (group, split):
            # One by one is three times as fast as bulk_update, which would make one long expression of it.
            Example.objects.filter(pk=id_).update(group=group, split=split)
    return True


def _items(planned: Plan) -> list[SnapshotItem]:
    ids = [row.id for merged in planned.rows for row in (merged.candidate, *merged.others)]
    examples = Example.objects.in_bulk(ids)
    items: list[SnapshotItem] = []
    for row in planned.rows:
        item = _item(examples[row.candidate.id], planned, row.weight, None)
        items += [item, *(_item(examples[other.id], planned, 0.0, item) for other in row.others)]
    return items


def _item(example: Example, planned: Plan, weight: float, merged_into: SnapshotItem | None) -> SnapshotItem:
    group, split = planned.placed[example.id]
    return SnapshotItem(
        example=example,
        merged_into=merged_into,
        content_sha256=example.content_sha256,
        weight=weight,
        group=group,
        split=split,
    )


def _lines(items: list[SnapshotItem]) -> files.Lines:
    lines: files.Lines = {split: [] for split in SPLITS}
    for item in items:
        if item.merged_into_id is None and item.example:
            content = {name: getattr(item.example, name) for name in CONTENT}
            said = {name: value for name, value in content.items() if value is not None}
            row = {"id": str(item.example_id), "weight": item.weight, "group": item.group, "split": item.split}
            lines[item.split].append(canonical(said | row))
    return {split: sorted(part) for split, part in lines.items()}
