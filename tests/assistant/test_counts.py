"""What processes count is added up in Redis, and nothing of it is lost while Redis is away."""

from __future__ import annotations

import pytest
import redis
from pytest_django import Settings

from assistant.metrics import counts
from assistant.metrics.catalog import Metric
from assistant.runtime.valkey import EmbeddedValkey

MEALS = Metric("meals", "", ("dish",))
WAITS = Metric("waits", "", ("dish",), (0.1, 1.0))


@pytest.fixture(autouse=True)
def _nothing_counted(valkey: EmbeddedValkey) -> None:
    counts.flush()
    counts.connection().flushall()


def another_process_counts(metric: Metric, dish: str, by: float) -> None:
    counts.connection().hincrbyfloat(counts.KEY, f'["{metric.name}", "", "{dish}"]', by)


def test_all_processes_count_together() -> None:
    another_process_counts(MEALS, "soup", 2)
    counts.count(MEALS, "soup")
    counts.count(MEALS, "pie")
    counts.flush()
    counts.count(MEALS, "soup")
    counts.flush()

    assert counts.read() == {"meals": {("soup",): {"": 4}, ("pie",): {"": 1}}}


def test_times_are_counted_by_size_and_summed() -> None:
    for seconds in (0.05, 0.1, 0.5, 7.0):
        counts.observe(WAITS, seconds, "soup")
    counts.flush()

    [parts] = counts.read()["waits"].values()
    assert parts == {"0.1": 2, "1.0": 1, "+Inf": 1, "sum": pytest.approx(7.65)}


def test_what_is_counted_while_redis_is_away_is_brought_later(settings: Settings) -> None:
    before = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    counts.count(MEALS, "soup")
    with pytest.raises(redis.RedisError):
        counts.flush()
    counts.count(MEALS, "soup")
    settings.REDIS_URL = before
    counts.flush()

    assert counts.read()["meals"] == {("soup",): {"": 2}}


def test_labels_may_hold_anything() -> None:
    odd = '"], {}\n\x1fä'
    counts.count(MEALS, odd)
    counts.flush()

    assert counts.read()["meals"] == {(odd,): {"": 1}}


def test_the_counts_expire_when_nobody_counts_any_more() -> None:
    counts.count(MEALS, "soup")
    counts.flush()

    assert 0 < counts.connection().ttl(counts.KEY) <= counts.KEPT_S
