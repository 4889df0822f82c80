"""Which adapter answers a conversation. Today the live one, if any; rollouts will share conversations out here."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from assistant.adapters.models import Adapter
from inference.contract import AdapterRef


def adapter_for_new_reply() -> Adapter | None:
    return Adapter.objects.filter(state=Adapter.State.LIVE).first()


def folder_of(adapter: Adapter) -> Path:
    return Path(settings.DATA_DIR) / "adapters" / str(adapter.id)


def reference_to(adapter: Adapter | None) -> AdapterRef | None:
    return AdapterRef(sha256=adapter.sha256, path=str(folder_of(adapter))) if adapter else None
