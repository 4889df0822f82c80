"""A reply as one reader sees it: everything after a position, live, up to its end.

It comes from the token log for as long as there is one, and after that from the database alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async

from assistant.chat import live_logs
from assistant.chat.leases import outcome_of
from assistant.chat.models import Generation
from assistant.chat.stream import TERMINAL, EntryKind, LogEntry
from assistant.errors import AssistantError

# A log that says nothing at first may be gone because its reply ended long ago, and one that has been silent for
# long may have lost its end: then the database is asked.
FIRST_LOOK_S = 0.25
SILENCE_S = 3.0


@dataclass(frozen=True, slots=True)
class Piece:
    """What happened after `after_seq` up to `seq`."""

    after_seq: int
    seq: int
    kind: EntryKind
    data: dict[str, Any]


async def follow(generation_id: UUID, after_seq: int) -> AsyncIterator[Piece]:
    """Yield what follows `after_seq`, the last piece being terminal. Deltas that gathered while the reader was busy
    come as one. A reply whose log is gone comes as a snapshot of its whole text. Raises generation.not_found when it
    was erased."""
    position = after_seq
    patience_s = FIRST_LOOK_S
    with live_logs.current().follow(generation_id) as live:
        while True:
            if not await live.news(position, patience_s):
                for piece in (ending := await _ended(generation_id, position)):
                    yield piece
                if ending:
                    return
            patience_s = SILENCE_S
            fresh = live.after(position)
            for piece in _joined(fresh, position):
                yield piece
                position = piece.seq
                if piece.kind in TERMINAL:
                    return


def _joined(entries: list[LogEntry], position: int) -> list[Piece]:
    pieces: list[Piece] = []
    deltas: list[str] = []
    begin = position
    for entry in entries:
        if entry.kind == "delta":
            deltas.append(entry.data["delta"])
            end = entry.seq
            continue
        if deltas:
            pieces.append(Piece(begin, end, "delta", {"delta": "".join(deltas)}))
            begin, deltas = end, []
        pieces.append(Piece(begin, entry.seq, entry.kind, entry.data))
        begin = entry.seq
    if deltas:
        pieces.append(Piece(begin, end, "delta", {"delta": "".join(deltas)}))
    return pieces


@database_sync_to_async
def _ended(generation_id: UUID, position: int) -> list[Piece]:
    """The end of a reply from the database; empty while it is being written."""
    generation = Generation.objects.select_related("reply").filter(pk=generation_id).first()
    if generation is None:
        raise AssistantError("generation.not_found")
    if generation.is_active:
        return []
    outcome = outcome_of(generation)
    return [
        Piece(position, position + 1, "snapshot", {"text": generation.reply.text}),
        Piece(position + 1, position + 2, outcome.kind, outcome.data),
    ]
