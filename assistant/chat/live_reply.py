"""A reply being written in this process: what is in memory of it, and where each copy of it stands.

Three threads touch it, each its own fields: the writer thread adds entries and knows what Redis has; the runner
thread knows what the database has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from assistant.chat.stream import TERMINAL, Chances, EntryKind, LogEntry
from inference.contract import PromptInfo, StreamEvent, TokenLogprobs


@dataclass(slots=True, eq=False)
class LiveReply:
    generation_id: UUID
    reply_id: UUID
    conversation_id: UUID
    owner_id: UUID
    fence: int
    # What earlier attempts left. It goes into the log again, as a snapshot, should Redis have lost it.
    base: LogEntry | None = None
    # Given without a model, which then must not be named as its author.
    is_served: bool = False

    # The writer's
    entries: list[LogEntry] = field(default_factory=list)
    seq: int = 0
    logged_seq: int = 0
    pieces: list[str] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)
    prompt: PromptInfo | None = None
    first_token_at: datetime | None = None
    ending: StreamEvent | None = None
    is_fenced_out: bool = False

    # The runner's
    saved_seq: int = 0

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def take(self, events: list[StreamEvent]) -> None:
        """Turn what the engine said since the last time into entries: all deltas at hand become one."""
        delta = "".join(event.delta for event in events)
        ids = tuple(id_ for event in events for id_ in event.token_ids)
        for event in events:
            self.prompt = event.prompt or self.prompt
            if event.kind == "started":
                # A reply that is being continued has been announced before.
                if self.seq == 0:
                    dropped = event.prompt.dropped_messages if event.prompt else 0
                    self._add("started", {"dropped_messages": dropped})
            elif event.kind in TERMINAL:
                self.ending = event
        if delta or ids:
            if self.first_token_at is None:
                self.first_token_at = datetime.now(UTC)
            self.pieces.append(delta)
            self.token_ids.extend(ids)
            chances = tuple(_chances(told) for event in events for told in event.logprobs)
            self._add("delta", {"delta": delta}, ids, chances)

    def close(self, kind: EntryKind, data: dict[str, object]) -> None:
        """Add the terminal entry, after the database has committed the end."""
        self._add(kind, data)

    def unlogged(self) -> tuple[int, list[LogEntry]]:
        """The entries Redis lacks, and the seq they follow (-1: nothing in particular)."""
        if self.base and self.logged_seq < self.base.seq:
            return -1, [self.base, *self.entries]
        first = self.entries[0].seq if self.entries else 0
        return self.logged_seq, self.entries[max(0, self.logged_seq - first + 1) :]

    @property
    def is_closed(self) -> bool:
        return bool(self.entries) and self.entries[-1].kind in TERMINAL

    def _add(
        self,
        kind: EntryKind,
        data: dict[str, object],
        token_ids: tuple[int, ...] = (),
        chances: tuple[Chances, ...] = (),
    ) -> None:
        self.seq += 1
        self.entries.append(LogEntry(self.seq, kind, data, token_ids, chances))


def _chances(told: TokenLogprobs) -> Chances:
    return tuple((each.text, each.logprob) for each in (told.chosen, *told.alternatives))
