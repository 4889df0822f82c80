"""Which adapter answers: the one a person chose, else the live one, if any; and which one a canary tries, on whom.

A choice is AUTOMATIC, BASE, or an adapter's id. `base_model_sha256` is what the workers have loaded, "" when no worker
has said so yet; which conversation asks is not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db.models import QuerySet, TextChoices

from assistant.accounts.models import Person
from assistant.adapters.models import Adapter
from inference.contract import AdapterRef

AUTOMATIC = ""
BASE = "base"

# As many of the newest as a person can still choose from.
MAX_CHOICES = 50


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """`kind` is automatic, base, or the state of the adapter of this name."""

    id: str
    kind: str
    name: str = ""


class Arm(TextChoices):
    LIVE = "live"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Canary:
    """`adapter` answers `percent` of the people."""

    rollout_id: UUID
    adapter: Adapter
    percent: int
    salt: str

    def arm_of(self, person_id: UUID) -> Arm:
        """The same whenever it is asked, and for a larger share at least those of a smaller one."""
        digest = hashlib.sha256(f"{self.salt}{person_id}".encode()).digest()
        drawn = int.from_bytes(digest[:8]) / 2**64
        return Arm.CANDIDATE if drawn * 100 < self.percent else Arm.LIVE


def choices_for(person: Person, base_model_sha256: str) -> list[ModelChoice]:
    """What a person may choose from; empty where every choice would come to the same."""
    adapters = choosable_adapters(person, base_model_sha256)
    if not adapters:
        return []
    named = [ModelChoice(str(adapter.id), adapter.state, adapter.name) for adapter in adapters]
    return [ModelChoice(AUTOMATIC, "automatic"), *named, ModelChoice(BASE, "base")]


def choosable_adapters(person: Person, base_model_sha256: str) -> list[Adapter]:
    """Those a person may name, the live one first, the newest before older ones of the same state."""
    adapters = _choosable(person, base_model_sha256).order_by("-id")[:MAX_CHOICES]
    return sorted(adapters, key=lambda adapter: _ORDER.index(Adapter.State(adapter.state)))


def is_choosable(person: Person, choice: str, base_model_sha256: str) -> bool:
    return choice in (AUTOMATIC, BASE) or _chosen(person, choice, base_model_sha256) is not None


def is_automatic(person: Person, choice: str, base_model_sha256: str) -> bool:
    """Whether nothing was chosen, or what was chosen counts as nothing."""
    return choice != BASE and (choice == AUTOMATIC or _chosen(person, choice, base_model_sha256) is None)


def adapter_for_new_reply(person: Person, choice: str, base_model_sha256: str) -> Adapter | None:
    """The chosen adapter. A choice that has gone, is for another base model or no longer this person's to make counts
    as AUTOMATIC: a conversation must not end because an adapter did."""
    if choice == BASE:
        return None
    chosen = _chosen(person, choice, base_model_sha256) if choice != AUTOMATIC else None
    return chosen or Adapter.objects.filter(state=Adapter.State.LIVE).first()


def named(choice: str, base_model_sha256: str) -> Adapter | None:
    """The adapter of a choice that somebody made for others; None where it is none, was retired (perhaps because it did
    harm) or is for another base model."""
    rows = Adapter.objects.exclude(state=Adapter.State.RETIRED)
    if base_model_sha256:
        rows = rows.filter(base_model_sha256=base_model_sha256)
    try:
        return rows.filter(pk=UUID(choice)).first()
    except ValueError:
        return None


def canary(base_model_sha256: str) -> Canary | None:
    """The one that is under way, if it can answer. The layer above holds it; it is reached by name."""
    running = apps.get_model("assistant", "Rollout").objects.filter(end="", stage="canary")
    row = running.select_related("adapter").first()
    adapter = row.adapter if row else None
    if row is None or adapter is None or base_model_sha256 not in ("", adapter.base_model_sha256):
        return None
    return Canary(row.pk, adapter, row.percent, row.salt)


def instead_of(adapter: Adapter, unusable: Collection[UUID], base_model_sha256: str) -> Adapter | None:
    """What a worker answers with that cannot use `adapter`: the live one, the base model where that is no better."""
    live = Adapter.objects.filter(state=Adapter.State.LIVE, base_model_sha256=base_model_sha256)
    return live.exclude(pk__in=[adapter.pk, *unusable]).first()


def folder_of(adapter: Adapter) -> Path:
    return Path(settings.DATA_DIR) / "adapters" / str(adapter.id)


def reference_to(adapter: Adapter | None) -> AdapterRef | None:
    """How an engine is told of it."""
    if adapter is None:
        return None
    return AdapterRef(adapter.sha256, str(folder_of(adapter)), adapter.files.get("adapter_config.json", ""))


_ORDER = (Adapter.State.LIVE, Adapter.State.CANDIDATE, Adapter.State.RETIRED)


def _choosable(person: Person, base_model_sha256: str) -> QuerySet[Adapter]:
    """What is not proven, or no longer used, is for those who judge it."""
    rows = Adapter.objects.all() if person.role != Person.Role.USER else Adapter.objects.filter(state=_ORDER[0])
    return rows.filter(base_model_sha256=base_model_sha256) if base_model_sha256 else rows


def _chosen(person: Person, choice: str, base_model_sha256: str) -> Adapter | None:
    try:
        return _choosable(person, base_model_sha256).filter(pk=UUID(choice)).first()
    except ValueError:
        return None
