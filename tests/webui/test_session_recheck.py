"""A socket ends with the session it was opened with: at once when that is told, and soon when it is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from assistant.models import Person
from tests.webui.sockets import Socket, connect, cookie_of, socket_of
from webui import consumers, protocol
from webui.routing import websocket_application

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "quiet-Harbour-42"


@pytest.fixture
def member(db: None) -> Person:
    return Person.objects.create_user("member", "member@example.org", PASSWORD)


def browser_of(member: Person) -> Client:
    client = Client()
    answer = client.post("/accounts/login/", {"login": member.email, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def socket_in(client: Client) -> Socket:
    return socket_of(f"sessionid={client.cookies['sessionid'].value}")


def sign_out(client: Client, member: Person) -> None:
    client.post("/accounts/logout/")


def end_the_session_elsewhere(client: Client, member: Person) -> None:
    client.session.delete(client.session.session_key)


def change_the_password_elsewhere(client: Client, member: Person) -> None:
    form = {"oldpassword": PASSWORD, "password1": "calm-Harbour-43", "password2": "calm-Harbour-43"}
    assert browser_of(member).post("/accounts/password/change/", form).status_code == 302


def shut_out(client: Client, member: Person) -> None:
    member.is_active = False
    member.save(update_fields=["is_active"])


def delete(client: Client, member: Person) -> None:
    member.delete()


@pytest.mark.parametrize(
    "end",
    [sign_out, end_the_session_elsewhere, change_the_password_elsewhere, shut_out, delete],
    ids=lambda f: f.__name__,
)
async def test_an_open_socket_ends_at_once(end: Callable[[Client, Person], None], member: Person) -> None:
    client = await database_sync_to_async(browser_of)(member)
    tabs = [socket_in(client), socket_in(client)]
    for tab in tabs:
        assert await tab.open() is None

    await database_sync_to_async(end)(client, member)

    for tab in tabs:
        assert await _closed_with(tab) == protocol.CLOSE_NOT_SIGNED_IN
    assert await socket_in(client).open() == protocol.CLOSE_NOT_SIGNED_IN


async def test_the_sockets_of_others_and_of_other_devices_stay(member: Person, alice: Person) -> None:
    client, phone = [await database_sync_to_async(browser_of)(member) for _ in range(2)]
    of_phone, of_alice = socket_in(phone), await connect(await database_sync_to_async(cookie_of)(alice))
    assert await of_phone.open() is None

    await database_sync_to_async(sign_out)(client, member)

    for socket in (of_phone, of_alice):
        await _assert_works(socket)


async def test_whoever_changes_the_password_stays_signed_in(member: Person) -> None:
    client = await database_sync_to_async(browser_of)(member)
    form = {"oldpassword": PASSWORD, "password1": "calm-Harbour-43", "password2": "calm-Harbour-43"}

    assert (await database_sync_to_async(client.post)("/accounts/password/change/", form)).status_code == 302

    socket = socket_in(client)
    assert await socket.open() is None
    await _assert_works(socket)


@pytest.mark.parametrize("change", ["is_active", "password", "expiry"])
async def test_an_open_socket_ends_soon_when_nobody_tells_it(
    change: str, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "SESSION_CHECKS_S", (0.2, 0.3))
    client = await database_sync_to_async(browser_of)(member)
    socket = socket_in(client)
    assert await socket.open() is None

    if change == "expiry":
        await Session.objects.aupdate(expire_date=timezone.now() - timedelta(seconds=1))
    else:
        await Person.objects.filter(pk=member.pk).aupdate(**{change: "" if change == "password" else False})

    assert await _closed_with(socket) == protocol.CLOSE_NOT_SIGNED_IN


async def test_a_socket_outlives_an_outage_of_the_database(member: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asyncio.Event()

    def away(*arguments: Any) -> bool:
        asked.set()
        raise OperationalError("the database is away")

    monkeypatch.setattr(consumers, "SESSION_CHECKS_S", (0.05, 0.1))
    client = await database_sync_to_async(browser_of)(member)
    socket = socket_in(client)
    with monkeypatch.context() as outage:
        outage.setattr(consumers, "is_signed_in", away)
        assert await socket.open() is None
        await asyncio.wait_for(asked.wait(), 5)

    await _assert_works(socket)


async def test_looking_after_the_session_is_one_query(member: Person, django_assert_num_queries: Any) -> None:
    cookie = await database_sync_to_async(cookie_of)(member)

    def look() -> None:
        with django_assert_num_queries(1):
            assert consumers.is_signed_in(member.id, cookie.partition("=")[2])

    await database_sync_to_async(look)()


async def test_a_page_of_one_person_does_not_go_on_as_another(alice: Person, charlie: Person) -> None:
    """Charlie has signed in at the same browser; alice's page is still open in a tab, and connects again."""
    cookie = await database_sync_to_async(cookie_of)(charlie)

    assert await _page_of(alice, cookie).open() == protocol.CLOSE_NOT_SIGNED_IN
    own = _page_of(charlie, cookie)
    assert await own.open() is None
    await own.close()


def _page_of(person: Person, cookie: str) -> Socket:
    socket = socket_of(cookie)
    scope = {**socket.scope, "query_string": f"person={person.id}".encode()}
    ApplicationCommunicator.__init__(socket, websocket_application, scope)
    return socket


async def _assert_works(socket: Socket) -> None:
    await socket.send("generation.stop", generation_id="0193a000-0000-7000-8000-000000000001")
    while (frame := await socket.receive())["type"] == "hint":
        pass
    assert frame["code"] == "generation.not_found"
    await socket.close()


async def _closed_with(socket: Socket) -> int:
    while (message := await socket.receive_output(timeout=5))["type"] != "websocket.close":
        assert json.loads(message["text"])["type"] == "hint"
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    code: int = message["code"]
    return code
