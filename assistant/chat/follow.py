"""A reply as one reader sees it: everything after a position, live, up to its end.

While it is being written that comes from the token log; once it has ended, from the database alone.
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

# A log that has been silent for so long may have lost its end: then the database is asked.
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
    come as one. A reply that ended before comes as a snapshot of its whole text. Raises generation.not_found when it
    was erased."""
    position = after_seq
    # Registered first, looked up second: what ends in between is in the log.
    with live_logs.current().follow(generation_id) as live:
        while True:
            fresh = live.after(position)
            if not fresh:
                ended = await _ended(generation_id, position)
                for piece in ended:
                    yield piece
                if ended:
                    return
                while not (fresh := live.after(position)):
                    if not await live.news(SILENCE_S):
                        break
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
