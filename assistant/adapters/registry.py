"""Which adapter answers: the one a person chose, else the live one, if any; rollouts will share conversations out here.

A choice is AUTOMATIC, BASE, or an adapter's id. `base_model_sha256` is what the workers have loaded, "" when no worker
has said so yet; which conversation asks is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

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


def choices_for(person: Person, base_model_sha256: str) -> list[ModelChoice]:
    """What a person may choose from; empty where every choice would come to the same."""
    adapters = list(_choosable(person, base_model_sha256).order_by("-id")[:MAX_CHOICES])
    if not adapters:
        return []
    by_state = sorted(adapters, key=lambda adapter: _ORDER.index(Adapter.State(adapter.state)))
    named = [ModelChoice(str(adapter.id), adapter.state, adapter.name) for adapter in by_state]
    return [ModelChoice(AUTOMATIC, "automatic"), *named, ModelChoice(BASE, "base")]


def is_choosable(person: Person, choice: str, base_model_sha256: str) -> bool:
    return choice in (AUTOMATIC, BASE) or _chosen(person, choice, base_model_sha256) is not None


def adapter_for_new_reply(person: Person, choice: str, base_model_sha256: str) -> Adapter | None:
    """The chosen adapter. A choice that has gone, is for another base model or no longer this person's to make counts
    as AUTOMATIC: a conversation must not end because an adapter did."""
    if choice == BASE:
        return None
    chosen = _chosen(person, choice, base_model_sha256) if choice != AUTOMATIC else None
    return chosen or Adapter.objects.filter(state=Adapter.State.LIVE).first()


def folder_of(adapter: Adapter) -> Path:
    return Path(settings.DATA_DIR) / "adapters" / str(adapter.id)


def reference_to(adapter: Adapter | None) -> AdapterRef | None:
    return AdapterRef(sha256=adapter.sha256, path=str(folder_of(adapter))) if adapter else None


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
