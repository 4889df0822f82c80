"""Counts of all processes together. Each adds up what it sees in memory and brings the sums to one hash in Redis, so
that counting costs nobody a round trip, any web process can tell all of it, and no sum dies with its process.

When Redis loses the hash the counts begin at 0 again, which Prometheus knows how to read.
"""

from __future__ import annotations

import atexit
import json
import threading
from bisect import bisect_left
from collections import defaultdict
from contextlib import suppress

import redis

from assistant.metrics.catalog import Metric
from assistant.metrics.shared import connection, repeat

KEY = "parley:metrics:counts"
# Longer than an installation is switched off for a while; a Redis that others share is not left with it for ever.
KEPT_S = 30 * 24 * 3600
SUM, ABOVE = "sum", "+Inf"

# A metric's name, the part (see Parts), and the labels of the series.
Field = tuple[str, ...]
# What one series of a metric came to: by the bound of the bucket and SUM, or "" where there are no buckets.
Parts = dict[str, float]
Series = dict[tuple[str, ...], Parts]

_lock = threading.Lock()
_unsent: defaultdict[Field, float] = defaultdict(float)


def count(metric: Metric, *labels: str) -> None:
    assert len(labels) == len(metric.labels)
    with _lock:
        _unsent[metric.name, "", *labels] += 1


def observe(metric: Metric, seconds: float, *labels: str) -> None:
    assert len(labels) == len(metric.labels)
    place = bisect_left(metric.bounds, seconds)
    bound = str(metric.bounds[place]) if place < len(metric.bounds) else ABOVE
    with _lock:
        _unsent[metric.name, bound, *labels] += 1
        _unsent[metric.name, SUM, *labels] += seconds


def start() -> None:
    """Bring what this process counts to Redis every two seconds, and once more at its end."""
    repeat(flush)
    atexit.register(_flush_if_possible)


def flush() -> None:
    """Bring what was counted since the last time. Raises redis.RedisError and keeps it then; if only the answer was
    lost, it counts twice."""
    with _lock:
        sending = dict(_unsent)
        _unsent.clear()
    if not sending:
        return
    pipeline = connection().pipeline()
    for field, by in sending.items():
        pipeline.hincrbyfloat(KEY, json.dumps(field), by)
    pipeline.expire(KEY, KEPT_S)
    try:
        pipeline.execute()
    except redis.RedisError:
        with _lock:
            for field, by in sending.items():
                _unsent[field] += by
        raise


def read() -> dict[str, Series]:
    """By the metric's name, what all processes have brought. Raises redis.RedisError."""
    found: defaultdict[str, Series] = defaultdict(dict)
    stored: dict[bytes, bytes] = connection().hgetall(KEY)  # type: ignore[assignment]  # its types allow for asyncio
    for field, value in stored.items():
        name, part, *labels = json.loads(field)
        found[name].setdefault(tuple(labels), {})[part] = float(value)
    return found


def _flush_if_possible() -> None:
    with suppress(redis.RedisError):
        flush()
