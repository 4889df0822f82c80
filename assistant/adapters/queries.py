"""Reads about adapters."""

from __future__ import annotations

from assistant.adapters.models import Adapter
from assistant.errors import AssistantError


def adapter_named(beginning: str) -> Adapter:
    """The one whose hash begins so. Raises adapter.not_found, adapter.ambiguous."""
    found = list(Adapter.objects.filter(sha256__startswith=beginning)[:2])
    if not found:
        raise AssistantError("adapter.not_found")
    if len(found) > 1:
        raise AssistantError("adapter.ambiguous")
    return found[0]
