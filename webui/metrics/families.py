"""The metrics of `/metrics`: their names, and how what was counted becomes them. docs/operations.md lists them.

What is not known is left out: no metric stands for "unknown" by a zero.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

import psutil
from django.conf import settings
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

from assistant.metrics.catalog import CATALOG, Metric
from assistant.metrics.counts import ABOVE, SUM, Parts, Series
from assistant.metrics.engines import EngineReport
from assistant.models import Rollout
from assistant.monitoring import ProductState
from inference.contract import EngineMetrics, Histogram
from webui import open_sockets

ENGINE_LABELS = ("worker", "model", "backend")
# Name without its beginning, what it says, and the field of EngineMetrics.
ENGINE_GAUGES = (
    ("replies_running", "Replies in the engine's batch: its size.", "running"),
    ("replies_waiting", "Requests that wait in the engine for room in its batch.", "waiting"),
    ("tokens_per_second", "Tokens written, over the last ten seconds.", "tokens_per_s"),
    ("cache_pages", "Pages of the cache of keys and values.", "pages"),
    ("cache_pages_in_use", "Of these, in use by running replies.", "pages_in_use"),
)
ENGINE_COUNTERS = (
    ("steps", "Steps of the engine, each a token for every reply that writes.", "steps"),
    ("tokens_written", "Tokens of replies.", "tokens_written"),
    ("prompt_tokens_read", "Tokens of prompts that the model read.", "tokens_read"),
    ("prompt_tokens_reused", "Tokens of prompts that the cache had already.", "tokens_reused"),
    ("preemptions", "Replies that were put back to wait because pages were short.", "preemptions"),
)
ENGINE_HISTOGRAMS = (
    ("first_token_seconds", "From the request to the first token.", "first_token"),
    ("token_gap_seconds", "Between two tokens of a reply.", "gap"),
)


def reachable(what: str, is_up: bool) -> Family:
    return _gauge(f"{what}_up", f"Whether {what} answers this web process.", float(is_up))


def of_process() -> Iterator[Family]:
    """What this web process alone knows."""
    yield _gauges("build_info", "The version that answers.", ("version",), [((settings.VERSION,), 1)])
    process = (f"{socket.gethostname()}:{os.getpid()}",)
    said = "Chat sockets that the web process which answers holds open."
    yield _gauges("open_sockets", said, ("process",), [(process, open_sockets.count())])
    memory = psutil.Process().memory_info().rss
    yield _gauges("web_resident_memory_bytes", "Memory of that process.", ("process",), [(process, memory)])


def of_counts(counted: dict[str, Series]) -> Iterator[Family]:
    """What all processes counted; of a metric that nothing was counted of yet, the zero it stands at."""
    for metric in CATALOG:
        # What another version counts in another form is not this metric.
        series = {key: parts for key, parts in counted.get(metric.name, {}).items() if len(key) == len(metric.labels)}
        if not metric.labels:
            series.setdefault((), {})
        yield _histogram(metric, series) if metric.bounds else _counter(metric, series)


def of_engines(reports: Sequence[EngineReport]) -> Iterator[Family]:
    """What the workers say; of engines that count nothing only that they are there."""
    info = GaugeMetricFamily("parley_engine_info", "A worker whose engine is loaded.", labels=ENGINE_LABELS)
    stalled = GaugeMetricFamily(
        "parley_engine_stalled_seconds", "Since the last step, while work waits for it.", labels=ENGINE_LABELS
    )
    memory = GaugeMetricFamily(
        "parley_engine_resident_memory_bytes", "Memory of the worker's process.", labels=ENGINE_LABELS
    )
    for report in reports:
        info.add_metric(_labels(report), 1)
        stalled.add_metric(_labels(report), report.stalled_s)
        memory.add_metric(_labels(report), report.resident_bytes)
    yield from (info, stalled, memory)
    counting = [(_labels(report), report.metrics) for report in reports if report.metrics]
    for name, said, field in ENGINE_GAUGES:
        yield _of_engine(GaugeMetricFamily(f"parley_engine_{name}", said, labels=ENGINE_LABELS), field, counting)
    for name, said, field in ENGINE_COUNTERS:
        yield _of_engine(CounterMetricFamily(f"parley_engine_{name}", said, labels=ENGINE_LABELS), field, counting)
    for name, said, field in ENGINE_HISTOGRAMS:
        family = HistogramMetricFamily(f"parley_engine_{name}", said, labels=ENGINE_LABELS)
        for labels, metrics in counting:
            times: Histogram = getattr(metrics, field)
            family.add_metric(labels, _buckets(times.bounds, times.counts), times.sum_s)
        yield family


def of_product(state: ProductState) -> Iterator[Family]:
    """What the database says."""
    for name, found in state.replies.items():
        yield _gauge(f"replies_{name}", f"Replies that are {name}, up to 10,000.", found)
    yield _gauges("workers", "Interactive workers whose heart beats.", ("state",), _keyed(state.workers))
    waiting = "For how long the oldest of what waits has been waiting."
    yield _gauges("oldest_waiting_seconds", waiting, ("what",), _keyed(state.oldest_waiting_s))
    yield _gauges("runs", "Runs of the learning loop.", ("kind", "state"), state.runs.items())
    yield _gauge("reviews_pending", "Feedback that waits for a reviewer, up to 10,000.", state.reviews_pending)
    stages = (((stage,), float(stage == state.stage)) for stage in Rollout.Stage.values)
    yield _gauges("rollout_stage", "1 at the stage of the newest adapter that answers or is to.", ("stage",), stages)
    yield _gauge("rollout_people_ratio", "The share of the people whom that adapter answers.", state.share)
    ended = CounterMetricFamily(
        "parley_rollouts_ended", "Rollouts that ended; cause: harm or sample_ratio, or none.", labels=("end", "cause")
    )
    for end in Rollout.End.values:
        # Those that no person asked for have a cause; series that begin with the first event would hide it.
        causes = ("none", *Rollout.Cause.values) if end == Rollout.End.ROLLED_BACK else ("none",)
        for cause in causes:
            ended.add_metric((end, cause), state.ended_rollouts.get((end, cause.replace("none", "")), 0))
    yield ended


def _of_engine(
    family: GaugeMetricFamily | CounterMetricFamily, field: str, counting: Sequence[tuple[Sequence[str], EngineMetrics]]
) -> Family:
    for labels, metrics in counting:
        family.add_metric(labels, getattr(metrics, field))
    return family


def _counter(metric: Metric, series: Series) -> Family:
    family = CounterMetricFamily(metric.name, metric.documentation, labels=metric.labels)
    for labels, parts in sorted(series.items()):
        family.add_metric(labels, parts.get("", 0.0))
    return family


def _histogram(metric: Metric, series: Series) -> Family:
    family = HistogramMetricFamily(metric.name, metric.documentation, labels=metric.labels)
    for labels, parts in sorted(series.items()):
        family.add_metric(labels, _buckets(metric.bounds, _counts(metric, parts)), parts.get(SUM, 0.0))
    return family


def _counts(metric: Metric, parts: Parts) -> list[float]:
    return [parts.get(bound, 0.0) for bound in (*map(str, metric.bounds), ABOVE)]


def _buckets(bounds: Sequence[float], counts: Sequence[float]) -> list[tuple[str, float]]:
    """Prometheus counts in each bucket what is in the smaller ones too."""
    return list(zip((*map(str, bounds), ABOVE), accumulate(counts), strict=True))


def _gauge(name: str, said: str, value: float) -> Family:
    return GaugeMetricFamily(f"parley_{name}", said, value)


def _gauges(name: str, said: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Family:
    family = GaugeMetricFamily(f"parley_{name}", said, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


def _keyed(values: Mapping[str, float]) -> Iterator[tuple[tuple[str], float]]:
    return (((key,), value) for key, value in values.items())


def _labels(report: EngineReport) -> tuple[str, str, str]:
    return report.worker, report.model, report.backend
