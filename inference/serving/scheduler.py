"""Decides what the next forward reads: whose tokens, in which pages. Knows nothing of tensors, text and threads.

Each step has one token of every reply that writes, and beside them so many tokens of prompts that nobody who writes
waits long (continuous batching with chunked prefill: Orca, OSDI 2022; Sarathi-Serve, arXiv:2403.02310 §4). When pages
run out the youngest row gives its own back and is read again later: the oldest always gets on.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from inference.serving.lookup import GUESSES
from inference.serving.pages import NoPages, PagePool
from inference.serving.row import Row

# Beside replies that write, a step shall read prompts for so long at most.
PACE_S = 0.03
# Tokens of prompts in a step: while nobody writes, and at least.
MOST_TOKENS = 512
FEWEST_TOKENS = 32


class Part(NamedTuple):
    """The next `tokens` tokens of a row; after the last ones there are, its next one can be chosen, and with it those
    that it confirms of `guesses`."""

    row: Row
    tokens: int
    is_last: bool
    guesses: tuple[int, ...] = ()


class Pace:
    """How many tokens of prompts a step may have, from how long steps took. Counted generously: a step's whole time is
    put down to its tokens."""

    def __init__(self) -> None:
        self._token_s = 0.0

    def tokens(self, is_anyone_writing: bool) -> int:
        if not is_anyone_writing or not self._token_s:
            return MOST_TOKENS
        return min(MOST_TOKENS, max(FEWEST_TOKENS, int(PACE_S / self._token_s)))

    def took(self, tokens: int, seconds: float) -> None:
        if tokens >= FEWEST_TOKENS:
            latest = seconds / tokens
            self._token_s = latest if not self._token_s else 0.8 * self._token_s + 0.2 * latest


class Scheduler:
    """At most `slots` rows over the pages of `pool`."""

    def __init__(self, pool: PagePool, slots: int, page_tokens: int) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self._slots = list(range(slots - 1, -1, -1))
        self.rows: list[Row] = []  # the oldest request first
        self.pace = Pace()

    @property
    def has_room(self) -> bool:
        """Whether another row may be added without prompts piling up that nobody reads."""
        return bool(self._slots) and sum(row.unread for row in self.rows if row.unread > 1) < MOST_TOKENS

    def add(self, row: Row) -> bool:
        """Give `row` its pages, known ones where there are such. False when there are too few."""
        # The last token is always read: its logits choose the next one.
        digests = row.chain.upto(row.history, len(row.history) - 1)
        known = self._pool.take_known(digests)
        missing = self._pages_for(len(row.history)) - len(known)
        # Those that run will soon need a page each; to take these away now would send somebody back.
        if self._pool.available < missing + len(self.rows):
            self._pool.release(known)
            return False
        row.pages = known + self._pool.take(missing)
        row.cached = len(known) * self._page_tokens
        row.slot = self._slots.pop()
        self.rows.append(row)
        self.rows.sort(key=lambda row: row.number)
        return True

    def plan(self) -> tuple[list[Part], list[Row]]:
        """What the next step reads, and the rows that had to give up their pages for it."""
        preempted: list[Row] = []
        for row in list(self.rows):
            while row.slot >= 0 and row.cached >= len(row.pages) * self._page_tokens:
                try:
                    row.pages += self._pool.take(1)
                except NoPages:
                    preempted.append(self.rows[-1])
                    self.remove(self.rows[-1])
        writing = [Part(row, 1, True) for row in self.rows if row.unread == 1]
        if len(writing) == len(self.rows):
            return writing, preempted
        budget = self.pace.tokens(bool(writing))
        reading = []
        for row in self.rows:
            tokens = min(budget, row.unread)
            if row.unread > 1 and tokens:
                reading.append(Part(row, tokens, tokens == row.unread))
                budget -= tokens
        return writing + reading, preempted

    def with_guesses(self, part: Part) -> Part:
        """`part` with guesses, where its row writes alone: beside others, reading more would hold them up. Not where a
        format decides what follows."""
        row = part.row
        most = min(GUESSES, row.request.sampling.max_tokens - row.reply.tokens - 1)
        if len(self.rows) > 1 or row.unread > 1 or row.matcher or most < 1:
            return part
        guesses = row.lookup.guess(row.history, most)
        missing = self._pages_for(len(row.history) + len(guesses)) - len(row.pages)
        if not guesses or missing > self._pool.available:
            return part
        if missing > 0:
            row.pages += self._pool.take(missing)
        return Part(row, part.tokens, part.is_last, tuple(guesses))

    def took(self, parts: Collection[Part], seconds: float) -> None:
        """After the forward: what was read is in the pages, and full ones may be shared."""
        for part in parts:
            row = part.row
            before = row.cached // self._page_tokens
            row.cached += part.tokens
            if row.cached // self._page_tokens > before:
                digests = row.chain.upto(row.history, row.cached)
                for index in range(before, len(digests)):
                    self._pool.publish(row.pages[index], digests[index])
        self.pace.took(sum(part.tokens for part in parts), seconds)

    def remove(self, row: Row, is_sound: bool = True) -> None:
        """Take the row's pages and slot back at once; nobody shall find the pages of one that is not sound."""
        if not is_sound:
            self._pool.forget(row.pages)
        self._pool.release(row.pages)
        self._slots.append(row.slot)
        self.rows.remove(row)
        row.pages, row.told, row.cached, row.slot = [], 0, 0, -1

    def _pages_for(self, tokens: int) -> int:
        return -(-tokens // self._page_tokens)
