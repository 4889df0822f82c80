"""Who is at the desk, who looks at which conversation, and who types. It stands in Redis alone and fades by itself;
while Redis is away nobody is there, which alerts take for what it says."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import redis
from django.conf import settings

from assistant.limits import REDIS_OPTIONS

# Pages say that they are there every 20 seconds.
PRESENT_FOR_S = 45.0
# Somebody who types says so again within that time.
TYPING_FOR_S = 6.0
_AGENTS = "parley:desk:agents"


@lru_cache(maxsize=1)
def connection() -> redis.Redis:
    """Of its own: a visitor waits for an answer, and the conversation's row is locked meanwhile, so that this gives up
    after half a second."""
    return redis.Redis.from_url(settings.REDIS_URL, **REDIS_OPTIONS)


@dataclass(frozen=True, slots=True)
class Looking:
    """Somebody who has a conversation open, and whether they are typing into it."""

    person_id: UUID
    is_typing: bool


def arrive(agent_id: UUID) -> None:
    """Say that an agent's page is open."""
    with suppress(redis.RedisError):
        connection().zadd(_AGENTS, {str(agent_id): time.time()})


def leave(agent_id: UUID) -> None:
    with suppress(redis.RedisError):
        connection().zrem(_AGENTS, str(agent_id))


def present(agent_ids: Iterable[UUID]) -> set[UUID]:
    """Those of these agents who have a page of the desk open."""
    try:
        here: Any = connection().zrangebyscore(_AGENTS, time.time() - PRESENT_FOR_S, "+inf")
    except redis.RedisError:
        return set()
    return {UUID(id_.decode()) for id_ in here} & set(agent_ids)


def look(conversation_id: UUID, person_id: UUID, *, is_typing: bool = False) -> None:
    """Say that somebody, agent or visitor, has a conversation open."""
    now = time.time()
    with suppress(redis.RedisError):
        pipeline = connection().pipeline()
        pipeline.hset(_key(conversation_id), str(person_id), json.dumps([now, now if is_typing else 0.0]))
        pipeline.expire(_key(conversation_id), int(PRESENT_FOR_S))
        pipeline.execute()


def look_away(conversation_id: UUID, person_id: UUID) -> None:
    with suppress(redis.RedisError):
        connection().hdel(_key(conversation_id), str(person_id))


def looking(conversation_id: UUID) -> list[Looking]:
    """Everybody who has the conversation open."""
    now = time.time()
    try:
        rows: Any = connection().hgetall(_key(conversation_id))
    except redis.RedisError:
        return []
    said = {UUID(id_.decode()): json.loads(body) for id_, body in rows.items()}
    return [
        Looking(id_, now - typed_at < TYPING_FOR_S)
        for id_, (at, typed_at) in sorted(said.items())
        if now - at < PRESENT_FOR_S
    ]


def _key(conversation_id: UUID) -> str:
    return f"parley:desk:case:{conversation_id}"
