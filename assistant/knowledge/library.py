"""What an interactive worker knows of approved answers: it reads the table into memory, works out what is missing, and
finds what answers a question. Used from the thread that runs the rounds."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from assistant.knowledge.models import Passage
from assistant.knowledge.queries import usable
from assistant.words import normalised
from inference.contract import EmbedderInfo, IndexedPassage, Retriever

log = logging.getLogger(__name__)

REFRESH_S = 1.0
PRUNE_S = 60.0
# A row comes into view when its transaction ends, and carries the time at which it was written.
LATEST_COMMIT_S = 30.0
ROWS_AT_ONCE = 1000
# So few that a round is not held up.
EMBEDDED_AT_ONCE = 4
# Some of the best may have been retired a moment ago.
SPARE = 5


@dataclass(frozen=True, slots=True)
class Match:
    passage: Passage
    score: float


class Library:
    """`start` may take seconds and needs no database; `refresh` comes before `find`."""

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self._embedder = EmbedderInfo("off")
        self._known: set[UUID] = set()
        self._without_vector: dict[UUID, tuple[str, str]] = {}
        self._read_to: UUID | None = None  # while the table is read for the first time
        self._is_read = False
        self._refreshed = self._pruned = 0.0

    def start(self) -> None:
        self._embedder = self._retriever.start()

    def refresh(self) -> None:
        """Bring what is in memory up to date, a piece at a time."""
        now = time.monotonic()
        if not self._is_read:
            self._read_on(now)
        elif now - self._refreshed >= REFRESH_S:
            since = timedelta(seconds=now - self._refreshed + LATEST_COMMIT_S)
            changed = usable().filter(changed_at__gt=Now() - since)
            new = [id_ for id_ in changed.values_list("id", flat=True) if id_ not in self._known][:ROWS_AT_ONCE]
            self._take(usable().filter(pk__in=new))
            self._refreshed = now
        if now - self._pruned >= PRUNE_S:
            self._reconcile()
            self._pruned = now
        self._embed_some()

    def find(self, question: str, limit: int) -> list[Match]:
        """The passages that answer `question` best, best first, as they may be given at this moment."""
        found = self._retriever.find(question, normalised(question), limit + SPARE)
        rows = usable().defer("vector").in_bulk([UUID(match.id) for match in found])
        matches = [Match(rows[UUID(match.id)], match.score) for match in found if UUID(match.id) in rows]
        self._forget({UUID(match.id) for match in found} - set(rows))
        return matches[:limit]

    def _read_on(self, now: float) -> None:
        rows = usable().order_by("id")
        taken = self._take((rows.filter(pk__gt=self._read_to) if self._read_to else rows)[:ROWS_AT_ONCE])
        if taken:
            self._read_to = taken[-1].id
        if len(taken) < ROWS_AT_ONCE:
            self._is_read = True
            self._refreshed = self._pruned = now

    def _reconcile(self) -> None:
        """What has changed elsewhere than in the row: consent was given or withdrawn, somebody was erased."""
        usable_now = set(usable().values_list("id", flat=True))
        self._forget(self._known - usable_now)
        self._take(usable().filter(pk__in=list(usable_now - self._known)[:ROWS_AT_ONCE]))

    def _take(self, rows: QuerySet[Passage]) -> list[Passage]:
        taken = list(rows)
        indexed = []
        for row in taken:
            vector = bytes(row.vector) if row.embedder_sha256 == self._embedder.sha256 else b""
            indexed.append(IndexedPassage(str(row.id), row.question_words, row.answer_words, vector))
            if row.embedder_sha256 != self._embedder.sha256 and self._embedder.sha256:
                self._without_vector[row.id] = (row.question, row.answer)
        self._retriever.put(indexed)
        self._known.update(row.id for row in taken)
        return taken

    def _embed_some(self) -> None:
        some = dict(list(self._without_vector.items())[:EMBEDDED_AT_ONCE])
        if not some:
            return
        for id_, vector in zip(some, self._retriever.embed(list(some.values())), strict=True):
            Passage.objects.filter(pk=id_).update(vector=vector, embedder_sha256=self._embedder.sha256)
            del self._without_vector[id_]
        self._take(usable().filter(pk__in=list(some)))

    def _forget(self, ids: set[UUID]) -> None:
        self._retriever.remove([str(id_) for id_ in ids])
        self._known -= ids
        for id_ in ids:
            self._without_vector.pop(id_, None)
