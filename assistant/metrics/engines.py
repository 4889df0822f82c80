"""What each interactive worker says of its engine, for whoever asks any web process. It expires by itself, so that of
a worker that was killed nothing is told for longer than a few seconds."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

import psutil
import redis

from assistant.metrics.shared import connection, repeat
from inference.contract import Engine, EngineInfo, EngineMetrics, Histogram

FORMAT_VERSION = 1
# The ids of those that have said something; what they said stands under a key each.
KEY = "parley:metrics:engines"
EXPIRES_S = 10


@dataclass(frozen=True, slots=True)
class EngineReport:
    """`worker` is its host and process id; `metrics` None of an engine that counts nothing."""

    worker: str
    model: str
    backend: str
    stalled_s: float  # since its last step, while work waits for it
    resident_bytes: int
    metrics: EngineMetrics | None


def publish_regularly(worker_id: UUID, engine: Engine, info: EngineInfo) -> Callable[[], None]:
    """Tell of the engine every two seconds, until the returned function is called, which takes back what was told."""
    process = psutil.Process()
    is_over = repeat(lambda: publish(worker_id, _report(engine, info, process)))

    def stop() -> None:
        is_over.set()
        with suppress(redis.RedisError):
            connection().delete(f"{KEY}:{worker_id}")

    return stop


def publish(worker_id: UUID, report: EngineReport) -> None:
    """Raises redis.RedisError."""
    pipeline = connection().pipeline()
    pipeline.set(f"{KEY}:{worker_id}", json.dumps({"v": FORMAT_VERSION, **asdict(report)}), ex=EXPIRES_S)
    pipeline.sadd(KEY, str(worker_id))
    pipeline.execute()


def reports() -> list[EngineReport]:
    """Of the workers that have said something in the last seconds. Raises redis.RedisError."""
    ids: list[bytes] = sorted(connection().smembers(KEY))  # type: ignore[arg-type]  # its types allow for asyncio
    if not ids:
        return []
    bodies: list[bytes | None] = connection().mget(f"{KEY}:{each.decode()}" for each in ids)  # type: ignore[assignment]
    if gone := [each for each, body in zip(ids, bodies, strict=True) if body is None]:
        connection().srem(KEY, *gone)
    return [_parsed(json.loads(body)) for body in bodies if body is not None]


def _report(engine: Engine, info: EngineInfo, process: psutil.Process) -> EngineReport:
    return EngineReport(
        worker=f"{socket.gethostname()}:{os.getpid()}",
        model=info.base_model,
        backend=info.extra.get("backend", info.engine),
        stalled_s=engine.idle_for_s,
        resident_bytes=process.memory_info().rss,
        metrics=getattr(engine, "metrics", None),
    )


def _parsed(said: dict[str, Any]) -> EngineReport:
    known = {each.name: said[each.name] for each in fields(EngineReport)}
    return EngineReport(**{**known, "metrics": _metrics(said["metrics"] or {})})


def _metrics(said: dict[str, Any]) -> EngineMetrics | None:
    """None too where a worker of another version does not say all that this one tells of."""
    try:
        known = {each.name: said[each.name] for each in fields(EngineMetrics)}
    except KeyError:
        return None
    for name in ("first_token", "gap"):
        times = known[name]
        known[name] = Histogram(tuple(times["bounds"]), tuple(times["counts"]), times["sum_s"])
    return EngineMetrics(**known)
