"""Sends what stands in the outbox: each row is claimed by compare-and-set, and a claim already names the time of the
next attempt, so that what a dying process held is sent again by the next one. At least once, in no certain order."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.db.models import QuerySet
from django.utils import timezone

from assistant.desk import outward
from assistant.desk.models import Delivery, Webhook
from assistant.desk.sealing import unseal
from assistant.desk.signing import headers_for
from assistant.errors import AssistantError

log = logging.getLogger(__name__)

State = Delivery.State
# After 5 s, 20 s, 80 s, 5 min, 21 min, 85 min and 6 h, each up to a fifth sooner or later: a receiver that comes back
# is not met by everything at once.
FIRST_WAIT_S, GROWTH, JITTER = 5.0, 4.0, 0.2
MAX_ATTEMPTS = 8
ROUND_S = 1.0
TIDY_S = 3600.0
# One receiver that is slow holds up nobody else.
AT_ONCE = 8
KEPT = timedelta(days=30)
GONE = 410


class Deliverer:
    """One per worker that serves the default queue. It looks by itself, once in ROUND_S."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, "webhook")
        self._at_work: set[UUID] = set()
        self._work = threading.Event()
        self._draining = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deliverer")
        self._tidied = 0.0

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._work.set()

    def drain(self) -> None:
        self._draining.set()
        self.wake()

    def join(self) -> None:
        self._thread.join(timeout=outward.TIMEOUT_S + 2)

    def _run(self) -> None:
        while not self._draining.is_set():
            self._work.wait(ROUND_S)
            self._work.clear()
            try:
                close_old_connections()
                self._round()
            except (DatabaseError, InterfaceError) as error:
                log.warning("the database does not answer; webhooks wait: %s", str(error).strip())
                connection.close()
            except Exception:
                log.exception("a round of webhooks failed")
        self._pool.shutdown()
        connection.close()

    def _round(self) -> None:
        if time.monotonic() - self._tidied > TIDY_S:
            tidy()
            self._tidied = time.monotonic()
        waiting = due().exclude(webhook__in=list(self._at_work)).order_by().values_list("webhook", flat=True).distinct()
        for webhook_id in waiting[:AT_ONCE]:
            self._at_work.add(webhook_id)
            self._pool.submit(self._serve, webhook_id)

    def _serve(self, webhook_id: UUID) -> None:
        try:
            while not self._draining.is_set() and deliver_next(webhook_id):
                pass
        except (DatabaseError, InterfaceError) as error:
            log.warning("the database does not answer; a webhook waits: %s", str(error).strip())
        except Exception:
            log.exception("a webhook could not be served")
        finally:
            connection.close()
            self._at_work.discard(webhook_id)


def due() -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=State.WAITING, due_at__lte=timezone.now(), webhook__is_enabled=True)


def deliver_next(webhook_id: UUID) -> bool:
    """Send what has been due longest; whether the receiver took it, so that more may follow at once."""
    row = due().filter(webhook=webhook_id).select_related("webhook").order_by("due_at", "id").first()
    if row is None:
        return False
    claimed = Delivery.objects.filter(pk=row.pk, state=State.WAITING, attempts=row.attempts, due_at=row.due_at)
    again_at = timezone.now() + timedelta(seconds=_wait_after(row.attempts + 1))
    if row.attempts >= MAX_ATTEMPTS:  # whoever made the last attempt did not live to say so
        claimed.update(state=State.FAILED)
        return True
    if not claimed.update(attempts=row.attempts + 1, due_at=again_at):
        return True  # another worker has it
    answer = _send(row)
    own = Delivery.objects.filter(pk=row.pk, state=State.WAITING, attempts=row.attempts + 1)
    is_last = row.attempts + 1 >= MAX_ATTEMPTS or answer.status == GONE
    told = {"status": answer.status, "answer": answer.text}
    if answer.is_taken:
        own.update(state=State.DELIVERED, delivered_at=timezone.now(), **told)
    elif is_last:
        own.update(state=State.FAILED, **told)
    else:
        own.update(**told)
    if answer.status == GONE:  # the standard's way of saying "never again"
        Webhook.objects.filter(pk=webhook_id).update(is_enabled=False)
    return answer.is_taken


def tidy() -> None:
    """Forget what was told long ago: it quotes what visitors wrote."""
    Delivery.objects.exclude(state=State.WAITING).filter(created_at__lt=timezone.now() - KEPT).delete()


def _send(row: Delivery) -> outward.Answer:
    body = json.dumps(row.payload, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        secrets = secrets_of(row.webhook)
    except AssistantError as problem:
        return outward.Answer(None, problem.message)
    return outward.post(row.webhook.url, body, headers_for(f"msg_{row.pk.hex}", int(time.time()), body, secrets))


def secrets_of(hook: Webhook) -> list[str]:
    """The one in force first. Raises site.secret_unreadable."""
    until = hook.previous_secret_until
    previous = [hook.previous_secret] if until and until > timezone.now() else []
    return [unseal(each) for each in [hook.secret, *previous]]


def _wait_after(attempts: int) -> float:
    """Seconds."""
    return FIRST_WAIT_S * GROWTH ** (attempts - 1) * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # nosec B311  # no secret
