"""What happens on a site is told to its webhooks: signed, at least once, later where nobody answers, and never to an
address inside."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks.webhooks import Webhook as Receiver

from assistant.chat import erasure, organizing
from assistant.desk import delivering, outbox, outward, webhooks
from assistant.desk.delivering import deliver_next
from assistant.desk.signing import signature_of
from assistant.errors import AssistantError
from assistant.models import AuditEvent, Conversation, Delivery, Generation, Site, Visitor, Webhook
from tests.assistant.desk.rows import say


class Endpoint:
    """A server that says what it is told to and keeps what it was sent."""

    def __init__(self) -> None:
        self.status, self.text, self.got = 200, "thanks", list[tuple[dict[str, str], bytes]]()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.got.append((dict(self.headers), body))
                self.send_response(endpoint.status)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()
                self.wfile.write(endpoint.text.encode())

            def log_message(self, *_: Any) -> None: ...

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self._server.server_port}/hook?a=1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def endpoint(settings: Settings) -> Iterator[Endpoint]:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    started = Endpoint()
    yield started
    started.close()


@pytest.fixture
def hook(shop: Site, endpoint: Endpoint) -> tuple[Webhook, str]:
    return webhooks.create(shop, endpoint.url, ["message.created"], by=None)


def later(row: Delivery) -> None:
    Delivery.objects.filter(pk=row.pk).update(due_at=timezone.now())


def test_a_receiver_with_the_standards_own_library_takes_it(
    hook: tuple[Webhook, str], endpoint: Endpoint, visitor: Visitor
) -> None:
    asked = say(visitor, "Where is my ordér?")

    assert deliver_next(hook[0].pk)
    [(headers, body)] = endpoint.got
    told = Receiver(hook[1]).verify(body, {name.lower(): value for name, value in headers.items()})
    assert told["type"] == "message.created"
    assert told["data"] == {
        "site_id": str(visitor.site_id), "conversation_id": str(asked.conversation_id), "contact_id": str(visitor.pk),
        "message_id": str(asked.message_id), "role": "user", "text": "Where is my ordér?",
    }  # fmt: skip
    assert headers["Host"].startswith("localhost:")
    row = Delivery.objects.get()
    assert (row.state, row.status, row.answer, row.attempts) == ("delivered", 200, "thanks", 1)
    assert not deliver_next(hook[0].pk)


def test_the_signature_is_that_of_the_standards_example() -> None:
    """From the specification's text."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'

    assert signature_of("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, secret) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_what_is_not_taken_is_sent_again_later_and_later_and_then_given_up(
    hook: tuple[Webhook, str], endpoint: Endpoint, visitor: Visitor
) -> None:
    endpoint.status, endpoint.text = 503, "x" * 2000
    say(visitor)

    for attempt in range(1, outbox.MAX_ATTEMPTS + 1):
        assert not deliver_next(hook[0].pk)
        row = Delivery.objects.get()
        assert (row.attempts, row.status, row.answer) == (attempt, 503, "x" * 500)
        assert not deliver_next(hook[0].pk)  # its time has not come
        later(row)

    assert Delivery.objects.get().state == "failed"
    assert len(endpoint.got) == outbox.MAX_ATTEMPTS
    assert len({headers["webhook-id"] for headers, _ in endpoint.got}) == 1


def test_between_attempts_it_waits_four_times_as_long_each_time_but_for_a_fifth() -> None:
    for attempt in range(1, outbox.MAX_ATTEMPTS):
        waits = {outbox._wait_after(attempt) for _ in range(20)}
        assert all(0.8 <= wait / (5 * 4 ** (attempt - 1)) <= 1.2 for wait in waits)
        assert len(waits) > 1


def test_by_hand_it_is_sent_once_more(hook: tuple[Webhook, str], endpoint: Endpoint, visitor: Visitor) -> None:
    say(visitor)
    row = Delivery.objects.get()
    with pytest.raises(AssistantError, match=r"delivery\.waiting"):
        webhooks.replay(hook[0], row.pk, by=None)
    deliver_next(hook[0].pk)
    webhooks.replay(hook[0], row.pk, by=None)
    deliver_next(hook[0].pk)

    assert len({headers["webhook-id"] for headers, _ in endpoint.got}) == 1
    assert len(endpoint.got) == 2


def test_what_a_process_held_that_died_is_sent_by_another_and_two_never_hold_the_same(
    hook: tuple[Webhook, str], endpoint: Endpoint, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(visitor)
    sent: list[object] = []

    def while_sending(row: Delivery) -> outward.Answer:
        sent.append(row.pk)
        assert not deliver_next(hook[0].pk)  # the other worker finds nothing
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(delivering, "_send", while_sending)
        with pytest.raises(SystemExit):
            deliver_next(hook[0].pk)
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == ("waiting", 1)
    later(row)
    assert deliver_next(hook[0].pk)
    assert Delivery.objects.get().state == "delivered"


def test_one_whose_last_attempt_was_not_survived_is_given_up(hook: tuple[Webhook, str], visitor: Visitor) -> None:
    say(visitor)
    Delivery.objects.update(attempts=outbox.MAX_ATTEMPTS)

    deliver_next(hook[0].pk)

    assert Delivery.objects.get().state == "failed"


def test_gone_switches_the_webhook_off(hook: tuple[Webhook, str], endpoint: Endpoint, visitor: Visitor) -> None:
    endpoint.status = 410
    say(visitor)
    deliver_next(hook[0].pk)
    say(visitor)

    assert not Webhook.objects.get().is_enabled
    assert Delivery.objects.get().state == "failed"


def test_a_redirect_is_an_answer_and_is_not_followed(
    hook: tuple[Webhook, str], endpoint: Endpoint, visitor: Visitor
) -> None:
    endpoint.status = 302
    say(visitor)

    assert not deliver_next(hook[0].pk)
    assert (Delivery.objects.get().status, len(endpoint.got)) == (302, 1)


def test_while_a_secret_is_replaced_both_sign(hook: tuple[Webhook, str], endpoint: Endpoint, visitor: Visitor) -> None:
    row, old = hook
    new = webhooks.rotate(row, by=None)
    say(visitor)
    deliver_next(row.pk)
    [(headers, body)] = endpoint.got
    lower = {name.lower(): value for name, value in headers.items()}
    for secret in (old, new):
        Receiver(secret).verify(body, lower)

    Webhook.objects.update(previous_secret_until=timezone.now())
    assert delivering.secrets_of(Webhook.objects.get()) == [new]
    assert new not in Webhook.objects.get().secret
    assert not any(secret in str(event) for event in AuditEvent.objects.values() for secret in (old, new))


def test_a_worker_delivers_by_itself(
    transactional_db: None, shop: Site, hook: tuple[Webhook, str], endpoint: Endpoint, visitor: Visitor
) -> None:
    say(visitor)
    say(visitor)
    deliverer = delivering.Deliverer()
    deliverer.start()
    try:
        for _ in range(200):
            if Delivery.objects.filter(state="delivered").count() == 2:
                break
            threading.Event().wait(0.05)
    finally:
        deliverer.drain()
        deliverer.join()

    assert [Delivery.objects.filter(state="delivered").count(), len(endpoint.got)] == [2, 2]


def test_old_deliveries_are_forgotten_and_waiting_ones_are_not(hook: tuple[Webhook, str], visitor: Visitor) -> None:
    say(visitor)
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=31))
    delivering.tidy()
    assert Delivery.objects.exists()

    Delivery.objects.update(state="failed")
    delivering.tidy()
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("erase", ["the conversation", "the visitor"])
def test_what_it_quotes_is_erased_with_whom_it_quotes(erase: str, hook: tuple[Webhook, str], visitor: Visitor) -> None:
    asked = say(visitor, "My name is Rumpelstiltskin")
    assert "Rumpelstiltskin" in json.dumps(Delivery.objects.get().payload)

    Generation.objects.update(state="completed")
    if erase == "the conversation":
        Conversation.objects.filter(pk=asked.conversation_id).update(deleted_at=timezone.now() - timedelta(days=400))
        organizing.erase_deleted()
    else:
        erasure.erase_person(visitor.pk)

    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::"),
    ],
)
def test_nothing_is_sent_inside(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    asked: list[str] = []

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))
        return [public, (family, socket.SOCK_STREAM, 6, "", (address, 443))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    answer = outward.post("https://rebinding.example/", b"{}", {})

    assert answer.status is None
    assert "no public address" in answer.text
    assert asked == ["rebinding.example"]
    assert not outward.is_public(ip_address(address))


def test_public_addresses_are_public() -> None:
    assert outward.is_public(ip_address("93.184.215.14"))
    assert outward.is_public(ip_address("2606:4700::1111"))


@pytest.mark.parametrize(
    "url", ["http://hooks.example/", "ftp://x.example", "https://", "https://a:b@x.example/", "https://x:99999/", "no"]
)
def test_an_address_is_https_and_without_a_password(shop: Site, url: str) -> None:
    with pytest.raises(AssistantError, match=r"webhook\.invalid_url"):
        webhooks.create(shop, url, [], by=None)


def test_a_site_has_so_many_webhooks_at_most(shop: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MAX_WEBHOOKS", 1)
    webhooks.create(shop, "https://hooks.example/", [], by=None)
    with pytest.raises(AssistantError, match=r"webhook\.too_many"):
        webhooks.create(shop, "https://hooks.example/", [], by=None)


def test_who_does_not_answer_in_time_is_left(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    monkeypatch.setattr(outward, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = outward.post(f"http://127.0.0.1:{silent.getsockname()[1]}/", b"{}", {})

    assert (answer.status, answer.text) == (None, "no answer within 0.2 seconds")
