"""Texts that want something else than to be read: hostile.json, by what they try.

CANARY in them stands for the address of a server that nobody must ever ask, and every script would set window.pwned.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from assistant.chat.texts import checked
from assistant.errors import AssistantError


def hostile_strings(canary: str = "http://canary.localhost") -> list[str]:
    by_class: dict[str, list[str]] = json.loads(Path(__file__).with_name("hostile.json").read_text(encoding="ascii"))
    return [text.replace("CANARY", canary) for texts in by_class.values() for text in texts]


def storable(texts: list[str]) -> list[str]:
    """Those that the product stores, as it stores them; the others have control characters and are refused."""
    stored = []
    for text in texts:
        with suppress(AssistantError):
            stored.append(checked(text))
    return stored
