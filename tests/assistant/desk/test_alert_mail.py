"""The mail of an alert stands in an outbox: a mail server that is away gets it later; of what is over none is sent."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from assistant.desk import casework, delivering, duties, handoff, outbox
from assistant.desk.delivering import mail_next
from assistant.models import AlertMail, Case, Person, Visitor
from tests.assistant.desk.rows import reply, say

SMTP = "django.core.mail.backends.smtp.EmailBackend"


class MailServer:
    """It takes mails, or says that it cannot at the moment."""

    def __init__(self) -> None:
        self.is_well, self.got, self.asked = False, list[str](), 0
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 test\r\n")
                while line := self.rfile.readline().strip().upper():
                    if line.startswith(b"MAIL"):
                        outer.asked += 1
                    if line.startswith(b"MAIL") and not outer.is_well:
                        self.wfile.write(b"451 come back later\r\n")
                    elif line == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        outer.got.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                        self.wfile.write(b"250 kept\r\n")
                    else:
                        self.wfile.write(b"250 well\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    started = MailServer()
    settings.MAIL_REACHES_PEOPLE = True
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = SMTP, "127.0.0.1", started.port
    yield started
    started.close()


def due() -> None:
    AlertMail.objects.update(due_at=timezone.now())


def test_a_mail_server_that_is_away_gets_it_later(server: MailServer, visitor: Visitor, dora: Person) -> None:
    handoff.ask_for_person(say(visitor, "My name is Rumpelstiltskin").conversation_id)

    assert not mail_next()
    row = AlertMail.objects.get()
    assert (row.state, row.attempts) == ("waiting", 1)
    assert "come back later" in row.answer
    assert row.due_at > timezone.now() + timedelta(seconds=3)
    assert not mail_next()  # its time has not come
    assert server.asked == 1
    server.is_well = True
    due()
    assert mail_next()

    assert AlertMail.objects.get().state == "delivered"
    [text] = server.got
    assert "Shop" in text
    assert "Rumpelstiltskin" not in text
    assert not mail_next()


def test_a_mail_server_that_never_comes_back_is_given_up(server: MailServer, visitor: Visitor, dora: Person) -> None:
    handoff.ask_for_person(say(visitor).conversation_id)

    for _ in range(outbox.MAX_ATTEMPTS):
        due()
        mail_next()

    assert AlertMail.objects.get().state == "failed"
    assert server.asked == outbox.MAX_ATTEMPTS


def test_a_worker_sends_it_by_itself_to_the_whole_team(
    transactional_db: None, settings: Settings, visitor: Visitor, dora: Person, eve: Person
) -> None:
    settings.MAIL_REACHES_PEOPLE = True
    handoff.ask_for_person(say(visitor).conversation_id)
    deliverer = delivering.Deliverer()
    deliverer.start()
    try:
        for _ in range(200):
            if AlertMail.objects.filter(state="delivered").exists():
                break
            threading.Event().wait(0.05)
    finally:
        deliverer.drain()
        deliverer.join()

    [message] = mail.outbox
    assert message.bcc == ["dora@example.org", "eve@example.org"]
    assert message.to == []


def test_who_was_answered_meanwhile_is_told_of_to_nobody(server: MailServer, visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    handoff.ask_for_person(asked.conversation_id)
    mail_next()
    reply(dora, asked.conversation_id)
    server.is_well = True
    due()

    assert mail_next()
    assert server.got == []
    assert AlertMail.objects.get().answer == "nobody had to be told any more"


def test_of_a_return_whoever_has_it_is_mailed_until_somebody_has_looked(
    settings: Settings, visitor: Visitor, dora: Person, eve: Person
) -> None:
    settings.MAIL_REACHES_PEOPLE = True
    asked = say(visitor)
    for looks in (False, True):
        handoff.take(dora.id, asked.conversation_id)
        Case.objects.update(snoozed_until=timezone.now())
        duties.end_snoozes()
        if looks:
            casework.mark_read(dora.id, asked.conversation_id)
        assert mail_next()

    [message] = mail.outbox
    assert message.bcc == ["dora@example.org"]
    assert message.subject == "A snoozed conversation of Shop is back"
