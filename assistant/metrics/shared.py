"""How processes bring their figures to Redis: with short patience, in a thread that nobody waits for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import lru_cache

import redis
from django.conf import settings

from assistant.limits import REDIS_OPTIONS

log = logging.getLogger(__name__)

EVERY_S = 2.0


def connection() -> redis.Redis:
    return _connection(settings.REDIS_URL)


def repeat(work: Callable[[], None]) -> threading.Event:
    """Do `work` every EVERY_S, in a thread of its own, until the returned event is set or the process ends. While
    Redis is away the next turn does what this one could not."""
    is_over = threading.Event()

    def run() -> None:
        is_away = False
        while not is_over.wait(EVERY_S):
            try:
                work()
                is_away = False
            except redis.RedisError as error:
                if not is_away:
                    log.warning("Redis does not answer; figures wait: %s", error)
                is_away = True
            except Exception:
                log.exception("figures could not be published")

    threading.Thread(target=run, name="metrics", daemon=True).start()
    return is_over


@lru_cache(maxsize=1)
def _connection(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, **REDIS_OPTIONS)
