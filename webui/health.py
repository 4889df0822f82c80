"""Two addresses for probes: `/healthz`, the process is alive; `/readyz`, a question asked now would be answered."""

from __future__ import annotations

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from redis.backoff import NoBackoff
from redis.retry import Retry

from assistant.chat import queue

TIMEOUT_S = 2.0


async def healthz(request: HttpRequest) -> JsonResponse:
    """Answers as long as the event loop turns; it touches nothing else, so a slow database kills no process."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """`{"ready": …, "checks": {name: "ok" or a sentence}}`, with status 503 until every check says "ok"."""
    checks = {name: check() for name, check in CHECKS.items()}
    ready = all(found == "ok" for found in checks.values())
    answer = JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)
    # Django would log each probe of a starting product as an error; this is how its own views keep quiet.
    answer._has_been_logged = True  # type: ignore[attr-defined]  # set and read by django.utils.log
    return answer


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "The database does not answer."
    return "ok"


def _redis() -> str:
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            client.ping()
    except redis.RedisError:
        return "Redis does not answer."
    return "ok"


def _worker() -> str:
    try:
        return WORKERS[queue.workers()]
    except DatabaseError:
        return "Unknown, because the database does not answer."


WORKERS: dict[queue.Workers, str] = {
    "ready": "ok",
    "starting": "A worker is loading the model.",
    "none": "No worker is running.",
}
CHECKS: dict[str, Callable[[], str]] = {"database": _database, "redis": _redis, "worker": _worker}
