"""Who does too much is told when to come back; what a page does by itself is not held against its person."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async
from django.core import mail
from django.db import connection
from django.test import Client
from limits import RateLimitItemPerSecond
from pytest_django import Settings
from redis.exceptions import ConnectionError as RedisConnectionError

from assistant import limits
from assistant.chat import actions
from assistant.errors import AssistantError
from assistant.models import Message, Person
from tests.assistant.rows import finish
from tests.conftest import ask
from tests.webui.sockets import Socket, connect, cookie_of, socket_of
from webui import protocol
from webui.limits import FRAMES, REFUSALS_BORNE

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "quiet-Harbour-42"


@pytest.fixture(autouse=True)
def _limits(settings: Settings) -> None:
    settings.LIMITS = True


@pytest.fixture
async def cookie(alice: Person) -> str:
    return await database_sync_to_async(cookie_of)(alice)


def test_too_many_calls_are_told_when_to_come_back(settings: Settings, alice: Person) -> None:
    settings.REQUESTS_PER_MINUTE = 3
    client = Client()
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")

    answers = [client.get("/api/conversations") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    wait_s = int(answers[3]["Retry-After"])
    assert 1 <= wait_s <= 60
    assert answers[3].json() == {
        "code": "rate.limited",
        "message": f"That was a lot in a short time. Try again in {wait_s} second{'s' * (wait_s > 1)}.",
        "retryable": True,
    }


def test_the_time_that_is_told_is_nearly_the_time_it_takes(db: None) -> None:
    three_in_2_s = RateLimitItemPerSecond(3, 2)
    for _ in range(3):
        limits._hit(three_in_2_s, "tests", "alice")
    with pytest.raises(AssistantError) as refused:
        limits._hit(three_in_2_s, "tests", "alice")
    assert refused.value.retry_after_s in (1, 2)

    time.sleep(refused.value.retry_after_s)

    # The window is two numbers and not a list of moments, so its end is known to within the window before it.
    for _ in range(20):
        try:
            limits._hit(three_in_2_s, "tests", "alice")
            return
        except AssistantError:
            time.sleep(0.1)
    pytest.fail("there was no room again")


def test_one_person_does_not_use_up_what_another_has(settings: Settings, alice: Person, charlie: Person) -> None:
    settings.REQUESTS_PER_MINUTE = 1
    clients = [Client(), Client()]
    for client, person in zip(clients, (alice, charlie), strict=True):
        client.force_login(person, "django.contrib.auth.backends.ModelBackend")

    assert [client.get("/api/conversations").status_code for client in clients for _ in "12"] == [200, 429, 200, 429]


def test_an_address_may_do_what_many_people_may(settings: Settings, db: None) -> None:
    settings.REQUESTS_PER_MINUTE, settings.PEOPLE_PER_ADDRESS = 1, 3
    here, elsewhere = Client(), Client(REMOTE_ADDR="198.51.100.7")

    assert [here.get("/accounts/login/").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert elsewhere.get("/accounts/login/").status_code == 200


def test_a_page_that_is_asked_for_too_often_says_so_in_our_look(settings: Settings, db: None) -> None:
    settings.GUESTS_PER_HOUR = 1
    Client().get("/")

    answer = Client().get("/")

    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 3600
    assert "A moment, please" in answer.content.decode()
    assert "minutes." in answer.content.decode()
    assert Person.objects.count() == 1


def test_probes_are_never_refused(settings: Settings, db: None) -> None:
    settings.REQUESTS_PER_MINUTE = settings.PEOPLE_PER_ADDRESS = 1

    assert {Client().get("/healthz").status_code for _ in range(5)} == {200}


def test_a_neighbour_in_the_same_ipv6_network_is_the_same_address() -> None:
    networks = {limits.network_of(host) for host in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:2::")}

    assert networks == {"2001:db8:1:2::/64"}
    assert limits.network_of("::ffff:198.51.100.7") == limits.network_of("198.51.100.7") == "198.51.100.7"
    assert limits.network_of(None) == limits.network_of("made up") == "unknown"


def test_a_forwarded_address_is_not_believed_from_just_anybody(settings: Settings, db: None) -> None:
    """uvicorn has put the right one in place when the peer is a proxy of ours; what the header says is a claim."""
    settings.REQUESTS_PER_MINUTE = settings.PEOPLE_PER_ADDRESS = 1
    clients = [Client(headers={"x-forwarded-for": f"198.51.100.{i}"}) for i in range(2)]

    assert [client.get("/accounts/login/").status_code for client in clients] == [200, 429]


# Signing in


@pytest.fixture
def member(settings: Settings, db: None) -> Person:
    settings.ACCOUNT_RATE_LIMITS = {"login": "3/m/ip", "signup": "2/h/ip"}
    return Person.objects.create_user("member", "member@example.org", PASSWORD)


def test_guessing_a_password_ends_soon(member: Person) -> None:
    client = Client()
    pages = [
        client.post(
            "/accounts/login/", {"login": member.email, "password": f"guess {i}"}, REMOTE_ADDR=f"198.51.100.{i}"
        )
        for i in range(6)
    ]
    late = client.post("/accounts/login/", {"login": member.email, "password": PASSWORD}, REMOTE_ADDR="198.51.100.9")

    assert "Too many failed login attempts" in pages[5].content.decode()
    assert late.status_code == 200
    assert "_auth_user_id" not in client.session


def test_signing_in_too_often_from_one_address_says_when_to_come_back(member: Person) -> None:
    form = {"login": "nobody@example.org", "password": "x"}

    answers = [Client().post("/accounts/login/", form) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3]["Retry-After"] == "60"
    assert "Try again in 60 seconds." in answers[3].content.decode()


def test_signing_up_too_often_from_one_address_says_when_to_come_back(member: Person) -> None:
    answers = [
        Client().post("/accounts/signup/", {"email": f"new{i}@example.org", "password1": PASSWORD}) for i in range(3)
    ]

    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert "Try again in 60 minutes." in answers[2].content.decode()
    assert not Person.objects.filter(email="new2@example.org").exists()


def test_without_redis_people_still_come_in(
    member: Person, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*arguments: Any, **options: Any) -> Any:
        raise RedisConnectionError("away")

    settings.REQUESTS_PER_MINUTE = settings.PEOPLE_PER_ADDRESS = 1
    monkeypatch.setattr("redis.connection.ConnectionPool.get_connection", away)
    monkeypatch.setattr(limits, "_away_until", 0.0)
    monkeypatch.setattr(limits, "AWAY_FOR_S", 0.0)  # each question is asked, and fails
    client = Client()

    with caplog.at_level(logging.WARNING, "assistant.limits"):
        answer = client.post("/accounts/login/", {"login": member.email, "password": PASSWORD})
        pages = [client.get("/").status_code for _ in range(3)]

    assert (answer.status_code, answer["Location"], pages) == (302, "/", [200, 200, 200])
    assert len(caplog.records) == 1


def test_a_mail_is_not_sent_under_a_name_that_somebody_else_chose(member: Person) -> None:
    client = Client(headers={"host": "evil.example"})

    assert client.post("/accounts/password/reset/", {"email": member.email}).status_code == 400
    assert mail.outbox == []


@pytest.mark.parametrize("address", ["member@example.org\nBcc: all@example.org", "a@b.example\r\nSubject: x"])
def test_an_address_adds_no_header_to_a_mail(member: Person, address: str) -> None:
    Client().post("/accounts/password/reset/", {"email": address})

    for letter in mail.outbox:
        assert set(dict(letter.message())) <= {
            *("Content-Type", "MIME-Version", "Content-Transfer-Encoding", "Subject", "From", "To", "Date"),
            "Message-ID",
        }


# Messages


async def test_too_many_messages_are_told_when_to_come_back(settings: Settings, cookie: str) -> None:
    settings.MESSAGES_PER_MINUTE = 2
    socket = await connect(cookie)

    for _ in range(2):
        assert (await _ask(socket))["type"] == "message.accepted"
    refused = await _ask(socket, client_message_id := uuid4())

    wait_s = refused["retry_after_s"]
    assert (refused["code"], refused["retryable"], refused["ref"]) == ("rate.limited", True, str(client_message_id))
    assert f" {wait_s} second" in refused["message"]
    assert 1 <= wait_s <= 60
    assert await Message.objects.filter(role="user").acount() == 2
    await socket.close()


async def test_the_same_message_sent_again_is_not_counted(settings: Settings, cookie: str) -> None:
    settings.MESSAGES_PER_MINUTE = 2
    first = uuid4()
    for _ in range(5):
        socket = await connect(cookie)
        assert (await _ask(socket, first))["type"] == "message.accepted"
        await socket.close()

    socket = await connect(cookie)
    assert (await _ask(socket))["type"] == "message.accepted"
    assert (await _ask(socket))["code"] == "rate.limited"
    await socket.close()


async def test_regenerating_counts_as_asking(settings: Settings, alice: Person, cookie: str) -> None:
    settings.MESSAGES_PER_MINUTE = 1
    accepted = await database_sync_to_async(ask)(alice)
    await database_sync_to_async(finish)(accepted, "Hi")
    socket = await connect(cookie)

    answers = []
    for _ in range(2):
        await socket.send("generation.regenerate", message_id=accepted.reply_id)
        answers.append(await _answer(socket))

    assert [answer.get("code", answer["type"]) for answer in answers] == ["message.accepted", "rate.limited"]
    await socket.close()


async def test_only_so_many_answers_are_written_for_one_person_at_once(
    settings: Settings, alice: Person, cookie: str
) -> None:
    settings.RUNNING_REPLIES_PER_PERSON = 2
    running = [await database_sync_to_async(ask)(alice) for _ in range(2)]
    socket = await connect(cookie)

    refused = await _ask(socket)
    await database_sync_to_async(actions.stop_generation)(alice.id, running[0].generation_id)
    accepted = await _ask(socket)

    assert (refused["code"], refused["retryable"]) == ("generation.too_many", True)
    assert refused["message"].startswith("2 answers are being written")
    assert accepted["type"] == "message.accepted"
    await socket.close()


def test_many_tabs_at_once_do_not_slip_through_together(settings: Settings, alice: Person) -> None:
    settings.RUNNING_REPLIES_PER_PERSON = 3

    def send(_: int) -> str:
        try:
            ask(alice)
        except AssistantError as problem:
            return problem.code
        finally:
            connection.close()
        return "accepted"

    with ThreadPoolExecutor(8) as tabs:
        assert Counter(tabs.map(send, range(8))) == {"accepted": 3, "generation.too_many": 5}


# Frames and sockets


async def test_a_full_queue_takes_no_further_question_and_says_when_to_come_back(
    settings: Settings, alice: Person, charlie: Person, cookie: str
) -> None:
    settings.WAITING_REPLIES = 2
    first = await database_sync_to_async(ask)(charlie)
    await database_sync_to_async(ask)(charlie)
    socket = await connect(cookie)

    refused = await _ask(socket, mine := uuid4())
    stored = await Message.objects.filter(author=alice).aexists()
    await database_sync_to_async(finish)(first, "Hi")
    # The second time after a broken connection, say: it waits already.
    again = [await _ask(socket, mine) for _ in range(2)]

    assert (refused["code"], refused["retryable"], refused["retry_after_s"]) == ("generation.queue_full", True, 10)
    assert refused["message"].endswith("Try again in 10 seconds.")
    assert not stored
    assert [answer["type"] for answer in again] == ["message.accepted"] * 2
    await socket.close()


async def test_a_full_queue_takes_no_regenerated_answer_either(settings: Settings, alice: Person) -> None:
    settings.WAITING_REPLIES = 1

    def regenerate() -> None:
        answered = ask(alice)
        finish(answered, "Hi")
        ask(alice, "More")
        actions.regenerate(alice.id, answered.reply_id)

    with pytest.raises(AssistantError, match=r"generation\.queue_full"):
        await database_sync_to_async(regenerate)()


async def test_a_flood_of_frames_is_refused_and_ends_the_socket_when_it_goes_on(cookie: str) -> None:
    socket = await connect(cookie)
    for _ in range(FRAMES):
        await socket.send_text("{}")
        assert (await _answer(socket))["code"] == "frame.unknown"

    for _ in range(REFUSALS_BORNE + 1):
        await socket.send_text("{}")
        refused = await _answer(socket)
        assert refused["code"] == "rate.limited"
        assert 1 <= refused["retry_after_s"] <= 10

    assert await socket.receive_output(timeout=5) == {"type": "websocket.close", "code": protocol.CLOSE_TOO_OFTEN}


async def test_the_oldest_page_gives_way_to_one_too_many(settings: Settings, cookie: str) -> None:
    settings.SOCKETS_PER_PERSON = 2
    first, second, third, fourth = [await connect(cookie) for _ in range(4)]

    for socket in (first, second):
        assert await _closed_with(socket) == protocol.CLOSE_TOO_MANY_PAGES
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    for socket in (third, fourth):
        assert (await _ask(socket))["type"] == "message.accepted"
        await socket.close()


async def test_an_address_that_is_full_lets_no_more_in_until_one_leaves(
    settings: Settings, cookie: str, charlie: Person
) -> None:
    settings.SOCKETS_PER_PERSON, settings.PEOPLE_PER_ADDRESS = 1, 1
    of_charlie = await database_sync_to_async(cookie_of)(charlie)
    first = await connect(cookie)

    assert await socket_of(of_charlie).open() == protocol.CLOSE_TOO_OFTEN
    await first.close()
    second = await connect(of_charlie)
    await second.close()


async def test_without_limits_nothing_is_counted(settings: Settings, cookie: str, alice: Person) -> None:
    settings.LIMITS = False
    settings.MESSAGES_PER_MINUTE = settings.RUNNING_REPLIES_PER_PERSON = settings.SOCKETS_PER_PERSON = 1
    sockets = [await connect(cookie) for _ in range(3)]

    for socket in sockets:
        for _ in range(8):
            assert (await _ask(socket))["type"] == "message.accepted"
    for socket in sockets:
        await socket.close()


async def _ask(socket: Socket, client_message_id: Any = None) -> Any:
    await socket.send(
        "message.send", client_message_id=client_message_id or uuid4(), conversation_id=None, text="Hello"
    )
    return await _answer(socket)


async def _answer(socket: Socket) -> Any:
    while (frame := await socket.receive())["type"] in ("hint", "generation.event", "generation.queued"):
        pass
    return frame


async def _closed_with(socket: Socket) -> int:
    async with asyncio.timeout(5):
        while (message := await socket.receive_output(timeout=5))["type"] != "websocket.close":
            assert json.loads(message["text"])["type"] == "hint"
    code: int = message["code"]
    return code
