"""Lists of what is learned from: examples, snapshots, receipts. A page at a time, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from django.db.models import Count, Model, Q, QuerySet, Sum

from assistant.audit.chain import pseudonym_of
from assistant.chat.queries import Page
from assistant.errors import AssistantError
from assistant.finetuning.models import DatasetSnapshot, ErasureReceipt, Example, SnapshotItem

Row = TypeVar("Row", bound=Model)
PAGE_SIZE = 30
TOP_CONTRIBUTORS = 10


@dataclass(frozen=True, slots=True)
class Contributor:
    """Somebody by their pseudonym, with their share of a snapshot's weight (0 to 1) and how many rows are theirs."""

    pseudonym: str
    rows: int
    share: float


def page_of(rows: QuerySet[Row], cursor: str | None, limit: int = PAGE_SIZE) -> Page[Row]:
    """Rows whose ids are in the order of time. Raises page.invalid_cursor."""
    if cursor:
        try:
            rows = rows.filter(pk__lt=UUID(cursor))
        except ValueError:
            raise AssistantError("page.invalid_cursor") from None
    found = list(rows.order_by("-pk")[: limit + 1])
    return Page(found[:limit], str(found[limit - 1].pk) if len(found) > limit else None)


def examples(status: str, cursor: str | None = None, limit: int = PAGE_SIZE) -> Page[Example]:
    return page_of(Example.objects.filter(status=status), cursor, limit)


def example_counts() -> dict[str, int]:
    counted = Example.objects.values_list("status").annotate(Count("id"))
    return dict.fromkeys(Example.Status.values, 0) | dict(counted)


def snapshots(cursor: str | None = None, limit: int = PAGE_SIZE) -> Page[DatasetSnapshot]:
    """The cursor is the hash of the last one shown. Raises page.invalid_cursor."""
    rows = DatasetSnapshot.objects.order_by("-created_at", "-sha256")
    if cursor:
        last = DatasetSnapshot.objects.filter(pk=cursor).first()
        if last is None:
            raise AssistantError("page.invalid_cursor")
        rows = rows.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, sha256__lt=cursor))
    found = list(rows[: limit + 1])
    return Page(found[:limit], found[limit - 1].sha256 if len(found) > limit else None)


def snapshot_named(beginning: str) -> DatasetSnapshot:
    """The one whose hash begins so. Raises snapshot.not_found."""
    found = list(DatasetSnapshot.objects.filter(sha256__startswith=beginning)[:2])
    if len(found) != 1:
        raise AssistantError("snapshot.not_found")
    return found[0]


def contributors(snapshot: DatasetSnapshot) -> list[Contributor]:
    """Who the most weight of a snapshot comes from. What was erased names nobody any more."""
    rows = SnapshotItem.objects.filter(snapshot=snapshot)
    total = rows.aggregate(total=Sum("weight"))["total"] or 1.0
    people = rows.exclude(example__person=None).values_list("example__person")
    top = people.annotate(Count("id"), weight=Sum("weight")).order_by("-weight", "example__person")[:TOP_CONTRIBUTORS]
    return [Contributor(pseudonym_of(person)[:12], count, weight / total) for person, count, weight in top]


def receipts(cursor: str | None = None, limit: int = PAGE_SIZE) -> Page[ErasureReceipt]:
    return page_of(ErasureReceipt.objects.all(), cursor, limit)


def held_out_cases(snapshot: DatasetSnapshot) -> int:
    """How many independent corrections an adapter trained on it can be tested on."""
    rows = SnapshotItem.objects.filter(snapshot=snapshot, split="test", merged_into=None, example__kind="sft")
    return rows.values("group").distinct().count()
