"""What /metrics says of the engines is what each worker said of its own a moment ago."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

import pytest
from django.test import Client

from assistant.metrics import counts, engines
from assistant.metrics.engines import EngineReport
from assistant.runtime.valkey import EmbeddedValkey
from inference.contract import EngineMetrics, Histogram
from tests.scraping import nothing_counted, scrape

pytestmark = pytest.mark.django_db

METRICS = EngineMetrics(
    running=3,
    waiting=2,
    pages=100,
    pages_in_use=40,
    steps=50,
    tokens_written=120,
    tokens_read=300,
    tokens_reused=200,
    preemptions=1,
    tokens_per_s=12.5,
    first_token_p50_s=0.1,
    first_token_p95_s=0.2,
    gap_p50_s=0.01,
    gap_p95_s=0.02,
    gap_max_s=0.3,
    first_token=Histogram((0.1, 1.0), (2, 1, 1), 3.5),
    gap=Histogram((0.01, 0.1), (100, 15, 1), 2.25),
)


@pytest.fixture(autouse=True)
def _nothing_known_yet(valkey: EmbeddedValkey) -> None:
    nothing_counted()


def a_worker_says(metrics: EngineMetrics | None, worker: str = "here:1", backend: str = "torch") -> UUID:
    worker_id = uuid4()
    engines.publish(worker_id, EngineReport(worker, "smollm2", backend, 0.5, 1000, metrics))
    return worker_id


def test_each_worker_tells_of_its_engine(client: Client) -> None:
    a_worker_says(METRICS)
    a_worker_says(METRICS, "there:2", "native")
    found = scrape(client)
    one, other = (
        {"worker": name, "model": "smollm2", "backend": of} for name, of in (("here:1", "torch"), ("there:2", "native"))
    )

    for labels in (one, other):
        assert found.value("parley_engine_info", **labels) == 1
        assert found.value("parley_engine_tokens_written_total", **labels) == 120
        assert found.value("parley_engine_tokens_per_second", **labels) == 12.5
        assert found.value("parley_engine_stalled_seconds", **labels) == 0.5
        buckets = [
            found.value("parley_engine_first_token_seconds_bucket", le=le, **labels) for le in ("0.1", "1.0", "+Inf")
        ]
        assert buckets == [2, 3, 4]
        assert found.value("parley_engine_first_token_seconds_sum", **labels) == 3.5
        assert found.value("parley_engine_token_gap_seconds_count", **labels) == 116
    assert found.sum("parley_engine_replies_running") == 6


def test_a_worker_that_says_nothing_any_more_is_not_told_of(client: Client) -> None:
    a_worker_says(METRICS)
    silent = a_worker_says(METRICS, "silent:2")
    counts.connection().pexpire(f"{engines.KEY}:{silent}", 1)
    time.sleep(0.01)

    assert "silent:2" not in scrape(client).labels("parley_engine_info")
    assert "here:1" in scrape(client).labels("parley_engine_info")
    assert counts.connection().scard(engines.KEY) == 1


def test_of_an_engine_that_counts_nothing_only_that_it_is_there_is_told(client: Client) -> None:
    a_worker_says(None, backend="scripted")
    found = scrape(client)

    assert found.value("parley_engine_info", worker="here:1", model="smollm2", backend="scripted") == 1
    assert not found.families["parley_engine_tokens_written"].samples
    assert not found.families["parley_engine_first_token_seconds"].samples


@pytest.mark.parametrize(
    ("change", "is_counting"),
    [('"steps": 50, ', False), ('"v": 1, ', True)],
    ids=["an older one lacks a figure", "a newer one says more"],
)
def test_workers_of_other_versions_do_not_break_it(client: Client, change: str, is_counting: bool) -> None:
    key = f"{engines.KEY}:{a_worker_says(METRICS)}"
    body = counts.connection().get(key).decode()
    assert change in body
    counts.connection().set(key, body.replace(change, '"v": 2, "news": {"of": [1]}, ' if is_counting else ""))
    found = scrape(client)

    assert bool(found.labels("parley_engine_info"))
    assert bool(found.families["parley_engine_steps"].samples) == is_counting
