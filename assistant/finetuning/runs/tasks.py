"""The Celery task of the finetuning queue. As on the reply path, a message only says "look at the queue in the
database": losing or doubling one changes nothing but latency, and no unacknowledged message ever holds a run."""

from __future__ import annotations

import logging
from uuid import UUID

import kombu.exceptions
import redis
from celery import shared_task

from assistant.finetuning.runs import runner

log = logging.getLogger(__name__)


@shared_task(name="finetuning.work")
def work(run_id: str, v: int = 1, **_later_fields: object) -> None:
    """Make this process's runner look for runs now rather than at its next round."""
    runner.wake()


def wake_workers(run_id: UUID) -> None:
    try:
        work.apply_async((str(run_id),), {"v": 1}, queue="training", retry=False)
    except (kombu.exceptions.OperationalError, redis.RedisError) as error:
        log.warning("wake-up not sent, workers will find the run by themselves: %s", error)
