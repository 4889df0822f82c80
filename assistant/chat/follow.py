"""A reply as one reader sees it: everything after a position, live, up to its end.

It comes from the token log for as long as there is one, and after that from the database alone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async

from assistant.chat import live_logs
from assistant.chat.leases import outcome_of
from assistant.chat.models import Generation
from assistant.chat.queue import Place, place_of
from assistant.chat.stream import TERMINAL, Chances, EntryKind, LogEntry
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
    chances: tuple[Chances, ...] = ()


async def follow(generation_id: UUID, after_seq: int, pace_s: float = 0) -> AsyncGenerator[Piece | Place, None]:
    """Yield what follows `after_seq`, the last piece being terminal. Deltas that gathered while the reader was busy,
    or within `pace_s` seconds of the one before, come as one; the first and the end come at once. A reply whose log is
    gone comes as a snapshot of its whole text. Of one that no worker has taken yet comes its place in the queue,
    whenever that changed. Raises generation.not_found when it was erased."""
    position = after_seq
    patience_s = FIRST_LOOK_S
    place: Place | None = None
    with live_logs.current().follow(generation_id) as live:
        while True:
            if not await live.news(position, patience_s):
                ending, place_now = await _in_database(generation_id, position)
                for piece in ending:
                    yield piece
                if ending:
                    return
                if place_now and place_now != place:
                    yield place_now
                place = place_now
            patience_s = SILENCE_S
            pieces = _joined(live.after(position), position)
            for piece in pieces:
                yield piece
                position = piece.seq
                if piece.kind in TERMINAL:
                    return
            if pace_s and pieces and pieces[-1].kind == "delta":
                await live.rest(pace_s)


def _joined(entries: list[LogEntry], position: int) -> list[Piece]:
    pieces: list[Piece] = []
    begin = position
    for is_delta, group in groupby(entries, lambda entry: entry.kind == "delta"):
        together = list(group)
        if is_delta:
            text = "".join(entry.data["delta"] for entry in together)
            chances = tuple(of for entry in together for of in entry.chances)
            pieces.append(Piece(begin, together[-1].seq, "delta", {"delta": text}, chances))
        else:
            before = [begin, *(entry.seq for entry in together)]
            pieces += [Piece(at, e.seq, e.kind, e.data) for at, e in zip(before, together, strict=False)]
        begin = together[-1].seq
    return pieces


@database_sync_to_async
def _in_database(generation_id: UUID, position: int) -> tuple[list[Piece], Place | None]:
    """What the database knows of a silent reply: its end, which is empty while it is being written, or its place."""
    generation = Generation.objects.select_related("reply").filter(pk=generation_id).first()
    if generation is None:
        raise AssistantError("generation.not_found")
    if generation.is_active:
        return [], place_of(generation)
    outcome = outcome_of(generation)
    text = Piece(position, position + 1, "snapshot", {"text": generation.reply.text})
    return [text, Piece(position + 1, position + 2, outcome.kind, outcome.data)], None
