"""Cuts a growing text before its first stop string. Knows nothing of tokens."""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """Holds back the end of the text while it may be the beginning of a stop string.

    The first stop string is the one that is complete first, so the result does not depend on how the text was divided.
    """

    __slots__ = ("_held", "_stop", "is_stopped")

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = stop
        self._held = ""
        self.is_stopped = False

    def push(self, text: str) -> str:
        """Take more text; returns what may be shown. Sets `is_stopped` at a stop string; nothing follows it."""
        if self.is_stopped:
            return ""
        if not self._stop:
            return text
        text = self._held + text
        found = [(text.find(s) + len(s), -len(s)) for s in self._stop if s in text]
        if found:
            end, length = min(found)
            self.is_stopped = True
            return text[: end + length]
        shown = len(text) - max((_overlap(text, s) for s in self._stop), default=0)
        self._held = text[shown:]
        return text[:shown]

    def flush(self) -> str:
        """What was held back, at the end of the text."""
        return "" if self.is_stopped else self._held


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` with which `stop` begins."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
