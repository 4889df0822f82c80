"""Empties the outboxes by itself: what webhooks are told, and the mails that alert a team."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.db.models import QuerySet
from django.utils import timezone

from assistant.desk import alert_mail, outbox, outward
from assistant.desk.models import AlertMail, Delivery, Webhook
from assistant.desk.sealing import unseal
from assistant.desk.signing import headers_for
from assistant.errors import AssistantError

log = logging.getLogger(__name__)

ROUND_S = 1.0
TIDY_S = 3600.0
# One receiver that is slow holds up nobody else.
AT_ONCE = 8
MAIL_SERVER = "the mail server"


class Deliverer:
    """One per worker that serves the default queue. It looks by itself, once in ROUND_S."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, "outbox")
        self._at_work: set[UUID | str] = set()
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
                log.warning("the database does not answer; webhooks and mails wait: %s", str(error).strip())
                connection.close()
            except Exception:
                log.exception("a round of deliveries failed")
        self._pool.shutdown()
        connection.close()

    def _round(self) -> None:
        if time.monotonic() - self._tidied > TIDY_S:
            tidy()
            self._tidied = time.monotonic()
        if MAIL_SERVER not in self._at_work and outbox.due(AlertMail.objects.all()).exists():
            self._begin(MAIL_SERVER, mail_next)
        waiting = outbox.due(_sendable()).exclude(webhook__in=[id_ for id_ in self._at_work if id_ != MAIL_SERVER])
        for webhook_id in waiting.order_by().values_list("webhook", flat=True).distinct()[:AT_ONCE]:
            self._begin(webhook_id, partial(deliver_next, webhook_id))

    def _begin(self, receiver: UUID | str, send_next: Callable[[], bool]) -> None:
        self._at_work.add(receiver)
        self._pool.submit(self._serve, receiver, send_next)

    def _serve(self, receiver: UUID | str, send_next: Callable[[], bool]) -> None:
        try:
            while not self._draining.is_set() and send_next():
                pass
        except (DatabaseError, InterfaceError) as error:
            log.warning("the database does not answer; %s waits: %s", receiver, str(error).strip())
        except Exception:
            log.exception("%s could not be served", receiver)
        finally:
            connection.close()
            self._at_work.discard(receiver)


def deliver_next(webhook_id: UUID) -> bool:
    """As outbox.send_next, to this webhook."""
    return outbox.send_next(_sendable().filter(webhook=webhook_id).select_related("webhook"), _send)


def mail_next() -> bool:
    """As outbox.send_next, to the mail server."""
    rows = AlertMail.objects.select_related("alert__case__site__team", "alert__case__assignee")
    return outbox.send_next(rows, alert_mail.send)


def tidy() -> None:
    """Forget what was told long ago: it quotes what visitors wrote."""
    outbox.forget_old(Delivery.objects.all())
    outbox.forget_old(AlertMail.objects.all())


def _sendable() -> QuerySet[Delivery]:
    return Delivery.objects.filter(webhook__is_enabled=True)


def _send(row: Delivery) -> outward.Answer:
    body = json.dumps(row.payload, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        secrets = secrets_of(row.webhook)
    except AssistantError as problem:
        return outward.Answer(None, problem.message)
    answer = outward.post(row.webhook.url, body, headers_for(f"msg_{row.pk.hex}", int(time.time()), body, secrets))
    if answer.status == outbox.GONE:  # the standard's way of saying "never again"
        Webhook.objects.filter(pk=row.webhook_id).update(is_enabled=False)
    return answer


def secrets_of(hook: Webhook) -> list[str]:
    """The one in force first. Raises site.secret_unreadable."""
    until = hook.previous_secret_until
    previous = [hook.previous_secret] if until and until > timezone.now() else []
    return [unseal(each) for each in [hook.secret, *previous]]
