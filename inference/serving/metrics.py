"""Counts what an engine does. Written by its thread, read by any."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

from inference.contract import EngineMetrics, Histogram
from inference.serving.row import Row

LAST = 1000
RATE_OVER_S = 10.0
# From what nobody notices to what nobody waits for, each about twice the one before.
FIRST_BOUNDS_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)
GAP_BOUNDS_S = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class _Times:
    """The last times one by one, and all of them by size."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.last: deque[float] = deque(maxlen=LAST)
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum_s = 0.0

    def add(self, seconds: float) -> None:
        self.last.append(seconds)
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum_s += seconds

    def histogram(self) -> Histogram:
        return Histogram(self._bounds, tuple(self._counts), self._sum_s)


class Meter:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps = self._written = self._read = self._reused = self._preemptions = 0
        self._first = _Times(FIRST_BOUNDS_S)
        self._gaps = _Times(GAP_BOUNDS_S)
        self._recent: deque[tuple[float, int]] = deque()  # when a step ended and what it wrote

    def admitted(self, reused: int) -> None:
        """A row was given its pages, `reused` tokens in them."""
        with self._lock:
            self._reused += reused

    def preempted(self, rows: int) -> None:
        with self._lock:
            self._preemptions += rows

    def stepped(self, read: int, written: Sequence[Row]) -> None:
        """A step has read so many tokens of prompts, and has `written` a token of each of these rows."""
        now = time.monotonic()
        with self._lock:
            self._steps += 1
            self._read += read
            self._written += len(written)
            self._recent.append((now, len(written)))
            while self._recent[0][0] < now - RATE_OVER_S:
                self._recent.popleft()
            for row in written:
                if row.wrote_at is None:
                    self._first.add(now - row.asked_at)
                else:
                    self._gaps.add(now - row.wrote_at)
                row.wrote_at = now

    def snapshot(self, running: int, waiting: int, pages: int, pages_in_use: int) -> EngineMetrics:
        since = time.monotonic() - RATE_OVER_S
        with self._lock:
            firsts, gaps = sorted(self._first.last), sorted(self._gaps.last)
            return EngineMetrics(
                running=running,
                waiting=waiting,
                pages=pages,
                pages_in_use=pages_in_use,
                steps=self._steps,
                tokens_written=self._written,
                tokens_read=self._read,
                tokens_reused=self._reused,
                preemptions=self._preemptions,
                tokens_per_s=sum(written for at, written in self._recent if at >= since) / RATE_OVER_S,
                first_token_p50_s=_quantile(firsts, 0.5),
                first_token_p95_s=_quantile(firsts, 0.95),
                gap_p50_s=_quantile(gaps, 0.5),
                gap_p95_s=_quantile(gaps, 0.95),
                gap_max_s=_quantile(gaps, 1.0),
                first_token=self._first.histogram(),
                gap=self._gaps.histogram(),
            )


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[round(share * (len(ordered) - 1))] if ordered else 0.0
