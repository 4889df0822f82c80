"""How much a person or an address may do in a while. Knows nothing of requests and sockets; who counts what, asks here.

The counts stand in Redis, for all processes together. While it is away everything is let through: an outage of a
counter must not lock people out.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from assistant.errors import AssistantError

log = logging.getLogger(__name__)

# Nobody shall feel that Redis is slow, and while it is away only one request in so many seconds finds it out.
TIMEOUT_S = 0.5
AWAY_FOR_S = 2.0
TRANSCRIPTS_PER_HOUR = 5
REDIS_OPTIONS = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S, "retry": Retry(NoBackoff(), 0)}

Answer = TypeVar("Answer")

_away_until = 0.0


def spend_message(person_id: UUID, address: str) -> None:
    """Count a question to the model. Raises rate.limited."""
    _spend("messages", settings.MESSAGES_PER_MINUTE, person_id, address)


def spend_site_message(site_id: UUID) -> None:
    """Count a message of any visitor of a site, so that one site cannot take the model from all. Raises
    rate.limited."""
    _hit(RateLimitItemPerMinute(settings.MESSAGES_PER_SITE_PER_MINUTE), "site messages", str(site_id))


def spend_transcript(person_id: UUID, address: str, email: str) -> None:
    """Count a conversation sent by e-mail, so that nobody is written to without end. Raises rate.limited."""
    for who in (f"person {person_id}", address, email.lower()):
        _hit(RateLimitItemPerHour(TRANSCRIPTS_PER_HOUR), "transcripts", who)


def spend_request(person_id: UUID | None, address: str) -> None:
    """Count a page or a call. Raises rate.limited."""
    _spend("requests", settings.REQUESTS_PER_MINUTE, person_id, address)


def spend_guest(address: str) -> None:
    """Count a visitor who becomes a guest. Raises rate.limited."""
    _hit(RateLimitItemPerHour(settings.GUESTS_PER_HOUR), "guests", address)


def network_of(host: str | None) -> str:
    """What is counted as one address. Whoever has one IPv6 address has the 2^64 beside it."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Network((address, 64), strict=False))
    return str(address)


def while_redis_answers(question: Callable[[], Answer], otherwise: Answer) -> Answer:
    """What Redis says, or `otherwise` while it is away, which is logged once."""
    global _away_until
    if time.monotonic() < _away_until:
        return otherwise
    try:
        answer = question()
    except RedisError as error:
        if not _away_until:
            log.warning("Redis does not answer; nothing is counted against the limits: %s", error)
        _away_until = time.monotonic() + AWAY_FOR_S
        return otherwise
    _away_until = 0.0
    return answer


def _spend(what: str, per_minute: int, person_id: UUID | None, address: str) -> None:
    if person_id is not None:
        _hit(RateLimitItemPerMinute(per_minute), what, f"person {person_id}")
    _hit(RateLimitItemPerMinute(per_minute * settings.PEOPLE_PER_ADDRESS), what, address)


def _hit(limit: RateLimitItem, what: str, who: str) -> None:
    if settings.LIMITS and not while_redis_answers(lambda: _limiter().hit(limit, what, who), True):
        is_free_at = while_redis_answers(lambda: _limiter().get_window_stats(limit, what, who).reset_time, 0.0)
        raise AssistantError("rate.limited", retry_after_s=max(1, ceil(is_free_at - time.time())))


@lru_cache(maxsize=1)
def _limiter() -> SlidingWindowCounterRateLimiter:
    # Two numbers for each limit and person; a window that remembers every moment would fill the memory of Redis.
    address = re.sub("^unix:", "redis+unix:", settings.REDIS_URL)
    # What it does not know it hands to redis-py; its types say strings alone.
    storage = RedisStorage(address, key_prefix="parley:limits", **REDIS_OPTIONS)  # type: ignore[arg-type]
    return SlidingWindowCounterRateLimiter(storage)
