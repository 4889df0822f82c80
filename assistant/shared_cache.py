"""Django's cache, in which allauth counts sign-ins. While Redis is away it forgets, and people can still sign in."""

from __future__ import annotations

import json
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache

from assistant.limits import REDIS_OPTIONS, while_redis_answers


class _JSON:
    """In place of pickle, which would run whatever somebody wrote into Redis."""

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


class SharedCache(RedisCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, {**params, "OPTIONS": {**REDIS_OPTIONS, "serializer": _JSON()}})

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return while_redis_answers(lambda: super(SharedCache, self).add(key, value, timeout, version), True)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return while_redis_answers(lambda: super(SharedCache, self).get(key, default, version), default)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        while_redis_answers(lambda: super(SharedCache, self).set(key, value, timeout, version), None)

    def delete(self, key: Any, version: int | None = None) -> bool:
        return while_redis_answers(lambda: super(SharedCache, self).delete(key, version), False)
