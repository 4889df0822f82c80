"""Those that are measured beside one another: one file each, all behind one protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from bench.engine.replies import Prompt, Reply


class PeerUnavailable(Exception):
    """It cannot be measured here; the message is a sentence."""


class Peer(Protocol):
    """Writes replies greedily, and ends none of them early. Has been warmed up when it is there."""

    def write(self, prompts: Sequence[Prompt], tokens: int) -> list[Reply]:
        """`tokens` tokens after each of `prompts`, together."""
        ...

    def close(self) -> None: ...


Build = Callable[[], Peer]
"""Raises PeerUnavailable."""
