"""Erasing a person or a conversation reaches what is learned from: examples go by cascade, and no snapshot with one of
them keeps its files. What remains is a receipt, and hashes by which adapters that learned from it can be found."""

from __future__ import annotations

import shutil
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.dispatch import Signal, receiver
from django.utils import timezone

from assistant.audit.chain import pseudonym_of
from assistant.chat.signals import erasing
from assistant.feedback.models import FeedbackEvent, Review
from assistant.finetuning.files import folder_of
from assistant.finetuning.models import DatasetSnapshot, ErasureReceipt, Example, SnapshotItem
from assistant.knowledge.models import Passage

Scope = ErasureReceipt.Scope

# In the same transaction, with the `receipt`: whatever was trained on the snapshots named there is tainted.
snapshots_erased = Signal()
# Before anything is erased, with `theirs`, the condition for what hangs on a conversation that is, and `person_id`,
# None for a conversation alone. What is answered, {what: how many}, stands in the receipt.
counting = Signal()


@receiver(erasing)
def erase(
    sender: object, *, person_id: UUID | None = None, conversation_ids: list[UUID] | None = None, **_: Any
) -> None:
    """Write a receipt for a person in any case, and for each conversation that something was learned from."""
    if person_id:
        _receipt(Scope.PERSON, person_id, Q(conversation__owner=person_id), Q(person=person_id))
    learned = FeedbackEvent.objects.filter(conversation__in=conversation_ids or ())
    for conversation_id in learned.order_by("conversation").values_list("conversation", flat=True).distinct():
        _receipt(Scope.CONVERSATION, conversation_id, Q(conversation=conversation_id), Q())


def remove_erased_files() -> None:
    """Take away the files of erased snapshots. Asked again at each build: a process may have died in between."""
    for sha256 in DatasetSnapshot.objects.filter(erased_at__isnull=False).values_list("sha256", flat=True):
        shutil.rmtree(folder_of(sha256), ignore_errors=True)


def _receipt(scope: ErasureReceipt.Scope, subject_id: UUID, theirs: Q, by_them: Q) -> None:
    examples = Example.objects.filter(theirs | by_them if by_them else theirs)
    hashes = sorted(examples.values_list("content_sha256", flat=True))
    answers: list[Any] = counting.send(sender=None, theirs=theirs, person_id=subject_id if by_them else None)
    receipt = ErasureReceipt.objects.create(
        scope=scope,
        subject_pseudonym=pseudonym_of(subject_id),
        counts={
            **{what: count for _, told in answers for what, count in told.items()},
            "events": FeedbackEvent.objects.filter(theirs).count(),
            "reviews": Review.objects.filter(theirs).count(),
            "examples": len(hashes),
            "passages": Passage.objects.filter(theirs | by_them if by_them else theirs).count(),
        },
        snapshots=_erase_snapshots(examples.values("id")),
        content_sha256s=hashes,
    )
    if receipt.snapshots:
        snapshots_erased.send(sender=None, receipt=receipt)
        transaction.on_commit(remove_erased_files)


def _erase_snapshots(example_ids: Any) -> list[dict[str, Any]]:
    """Every snapshot ever made with one of these examples, with what it had of them."""
    items = SnapshotItem.objects.filter(example__in=example_ids)
    touched = items.values_list("snapshot").annotate(Count("id"), Sum("weight")).order_by("snapshot")
    found = []
    for sha256, rows, weight in touched:
        total = SnapshotItem.objects.filter(snapshot=sha256).aggregate(total=Sum("weight"))["total"]
        found.append({"sha256": sha256, "rows": rows, "weight_share": round(weight / total, 6)})
    DatasetSnapshot.objects.filter(pk__in=[row["sha256"] for row in found], erased_at=None).update(
        erased_at=timezone.now()
    )
    return found
