"""Adds to the audit chain and checks it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from assistant.audit.models import AuditEvent, AuditHead

ONLY_HEAD = 1
MAX_REASON_CHARS = 500
_COVERED = ("number", "actor_pseudonym", "action", "object_kind", "object_id", "before", "after", "reason", "prev_hash")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`broken_at` is the number of the first event that does not fit, None when all do. `head` is the hash to keep
    elsewhere: whoever can write to the database can make a whole new chain, but not one that ends in the same hash."""

    events: int
    head: str
    broken_at: int | None


def pseudonym_of(id_: UUID) -> str:
    """A name for a person or conversation that outlives it and cannot be traced back without the secret key."""
    return salted_hmac("parley.pseudonym", id_.hex, algorithm="sha256").hexdigest()


@transaction.atomic
def record(
    actor_id: UUID | None,
    action: str,
    object_kind: str,
    object_id: object,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Add an event in the transaction of what it tells of; `actor_id` None is the installation itself."""
    AuditHead.objects.get_or_create(pk=ONLY_HEAD)
    head = AuditHead.objects.select_for_update().get(pk=ONLY_HEAD)
    event = AuditEvent(
        number=head.number + 1,
        at=timezone.now(),
        actor_id=actor_id,
        actor_pseudonym=pseudonym_of(actor_id) if actor_id else "",
        action=action,
        object_kind=object_kind,
        object_id=str(object_id),
        before=before or {},
        after=after or {},
        reason=reason[:MAX_REASON_CHARS],
        prev_hash=head.sha256,
    )
    event.sha256 = sha256_of(event)
    event.save(force_insert=True)
    AuditHead.objects.filter(pk=ONLY_HEAD).update(number=event.number, sha256=event.sha256)
    return event


def verify() -> Verdict:
    """Walk the chain from its beginning to its end."""
    number, sha256 = 0, ""
    for event in AuditEvent.objects.order_by("number").iterator(chunk_size=1000):
        if event.number != number + 1 or event.prev_hash != sha256 or event.sha256 != sha256_of(event):
            return Verdict(number, sha256, number + 1)
        number, sha256 = event.number, event.sha256
    head = AuditHead.objects.filter(pk=ONLY_HEAD).first() or AuditHead()
    is_whole = (head.number, head.sha256) == (number, sha256)
    return Verdict(number, sha256, None if is_whole else number + 1)


def sha256_of(event: AuditEvent) -> str:
    covered = {name: getattr(event, name) for name in _COVERED} | {"at": event.at.timestamp()}
    return hashlib.sha256(json.dumps(covered, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
