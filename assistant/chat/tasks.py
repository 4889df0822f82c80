"""Celery tasks of the reply path. A message only says "look at the queue in the database": losing or doubling one
changes nothing but latency."""

from __future__ import annotations

import logging
from uuid import UUID

import kombu.exceptions
import redis
from celery import shared_task

from assistant.chat import runner

log = logging.getLogger(__name__)


@shared_task(name="chat.generate_reply")
def generate_reply(generation_id: str, v: int = 1, **_later_fields: object) -> None:
    """Make this process's runner look for work now rather than at its next round."""
    runner.wake()


def wake_workers(generation_id: UUID) -> None:
    try:
        generate_reply.apply_async((str(generation_id),), {"v": 1}, retry=False)
    except (kombu.exceptions.OperationalError, redis.RedisError) as error:
        log.warning("wake-up not sent, workers will find the generation by themselves: %s", error)
