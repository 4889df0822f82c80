"""Charlie, and a visitor nobody knows, find nothing of alice's: at no address, by no JSON call, by no socket action."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async
from django.http import HttpResponse
from django.test import Client
from django.urls import URLResolver, get_resolver

from assistant.chat.actions import Accepted
from assistant.feedback import actions as feedback
from assistant.models import Conversation, Feedback, Generation, Message, Person, ShareLink
from assistant.sharing import actions as sharing
from tests.assistant.rows import finish
from tests.conftest import ask
from tests.webui.sockets import Socket, connect, cookie_of
from webui import protocol

Ask = Callable[[Client, Accepted], HttpResponse]


@dataclass(frozen=True)
class Foreign:
    """An address that names an object of alice's: how it is asked, and what others are told."""

    ask: Ask
    code: str | None  # None: a page instead of JSON


@dataclass(frozen=True)
class Own:
    """An address that names nobody's object; it shows what belongs to whoever asks, or to everybody."""


# A new address needs a line here, or test_every_address_has_a_line fails.
ADDRESSES: dict[str, Foreign | Own] = {
    "GET /": Own(),
    "GET /c/{conversation_id}/": Foreign(lambda c, of: c.get(f"/c/{of.conversation_id}/"), None),
    "GET /api/conversations": Own(),
    "PATCH /api/conversations/{conversation_id}": Foreign(
        lambda c, of: c.patch(f"/api/conversations/{of.conversation_id}", {"title": "Mine"}, "application/json"),
        "conversation.not_found",
    ),
    "DELETE /api/conversations/{conversation_id}": Foreign(
        lambda c, of: c.delete(f"/api/conversations/{of.conversation_id}"), "conversation.not_found"
    ),
    "POST /api/conversations/{conversation_id}/restore": Foreign(
        lambda c, of: c.post(f"/api/conversations/{of.conversation_id}/restore"), "conversation.not_found"
    ),
    "GET /api/conversations/{conversation_id}/messages": Foreign(
        lambda c, of: c.get(f"/api/conversations/{of.conversation_id}/messages"), "conversation.not_found"
    ),
    "PUT /api/conversations/{conversation_id}/head": Foreign(
        lambda c, of: c.put(
            f"/api/conversations/{of.conversation_id}/head", {"message_id": of.message_id}, "application/json"
        ),
        "conversation.not_found",
    ),
    "POST /api/messages/{message_id}/fork": Foreign(
        lambda c, of: c.post(f"/api/messages/{of.reply_id}/fork", {"scope": "all"}, "application/json"),
        "message.not_found",
    ),
    "GET /api/conversations/{conversation_id}/share": Foreign(
        lambda c, of: c.get(f"/api/conversations/{of.conversation_id}/share"), "conversation.not_found"
    ),
    "PUT /api/conversations/{conversation_id}/share": Foreign(
        lambda c, of: c.put(
            f"/api/conversations/{of.conversation_id}/share", {"audience": "anyone"}, "application/json"
        ),
        "conversation.not_found",
    ),
    "PATCH /api/conversations/{conversation_id}/share": Foreign(
        lambda c, of: c.patch(
            f"/api/conversations/{of.conversation_id}/share", {"audience": "anyone"}, "application/json"
        ),
        "conversation.not_found",
    ),
    "DELETE /api/conversations/{conversation_id}/share": Foreign(
        lambda c, of: c.delete(f"/api/conversations/{of.conversation_id}/share"), "conversation.not_found"
    ),
    "GET /c/{conversation_id}/export.json": Foreign(lambda c, of: c.get(f"/c/{of.conversation_id}/export.json"), None),
    "GET /c/{conversation_id}/export.md": Foreign(lambda c, of: c.get(f"/c/{of.conversation_id}/export.md"), None),
    "PUT /api/messages/{message_id}/feedback": Foreign(
        lambda c, of: c.put(f"/api/messages/{of.reply_id}/feedback", {"rating": "down"}, "application/json"),
        "message.not_found",
    ),
    "DELETE /api/messages/{message_id}/feedback": Foreign(
        lambda c, of: c.delete(f"/api/messages/{of.reply_id}/feedback"), "message.not_found"
    ),
    # Whoever has the secret in the address may come in: tests/webui/test_share_links.py says who else may not.
    "GET /s/{token}/": Own(),
    "POST /s/{token}/copy/": Own(),
    "GET /data/links/": Own(),
    "GET /data/import/": Own(),
    "GET /data/export.zip": Own(),
    "POST /api/import": Own(),
    "GET /api/me/preferences": Own(),
    "PATCH /api/me/preferences": Own(),
    "GET /api/openapi.json": Own(),
    "GET /healthz": Own(),
    "GET /readyz": Own(),
}
# allauth's and the admin's addresses are walked as wholes: the first know only the signed-in person and mailed keys,
# the second is for staff alone (test_the_admin_is_closed_to_people_without_a_post_in_it).
PARTS = ("accounts/", "admin/")

MODELS = (Conversation, Message, Generation, Feedback, ShareLink)
FOREIGN = [pytest.param(line, id=address) for address, line in ADDRESSES.items() if isinstance(line, Foreign)]
VISITORS = ["charlie", "nobody"]


@pytest.fixture
def of_alice(asked: Accepted, alice: Person) -> Accepted:
    """A conversation of alice's with a rated reply, shared with members."""
    finish(asked, "Hello, alice.")
    sharing.share(alice.id, asked.conversation_id, ShareLink.Audience.MEMBERS)
    feedback.rate(alice.id, asked.reply_id, Feedback.Rating.UP)
    return asked


def client_of(name: str, charlie: Person) -> Client:
    client = Client()
    if name == "charlie":
        client.force_login(charlie, "django.contrib.auth.backends.ModelBackend")
    return client


def test_every_address_has_a_line(db: None) -> None:
    assert set(_addresses()) == set(ADDRESSES)


@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize("line", FOREIGN)
def test_others_find_nothing_of_alice(line: Foreign, visitor: str, charlie: Person, of_alice: Accepted) -> None:
    before = _everything()

    answer = line.ask(client_of(visitor, charlie), of_alice)

    if line.code is None or visitor == "charlie":
        assert answer.status_code == 404
    else:
        assert answer.status_code == 401
    if line.code is not None:
        code = line.code if visitor == "charlie" else "person.not_signed_in"
        assert answer.json().keys() == {"code", "message", "retryable"}
        assert answer.json()["code"] == code
    assert b"Hello" not in answer.content
    assert _everything() == before


@pytest.mark.parametrize("line", FOREIGN)
def test_alice_herself_is_let_in(line: Foreign, alice: Person, of_alice: Accepted) -> None:
    client = Client()
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")

    assert line.ask(client, of_alice).status_code in (200, 204)


def test_what_is_not_there_looks_like_what_is_anothers(charlie: Person, of_alice: Accepted) -> None:
    client = client_of("charlie", charlie)
    absent = Accepted(None, uuid4(), uuid4(), uuid4(), uuid4())

    for line in ADDRESSES.values():
        if isinstance(line, Foreign):
            theirs, nobodys = line.ask(client, of_alice), line.ask(client, absent)
            assert theirs.status_code == nobodys.status_code == 404
            if line.code:
                assert theirs.content == nobodys.content


def test_the_lists_hold_nothing_of_another(charlie: Person, of_alice: Accepted) -> None:
    client = client_of("charlie", charlie)

    assert client.get("/api/conversations").json()["items"] == []
    assert str(of_alice.conversation_id) not in client.get("/").content.decode()


def test_a_message_of_alice_is_not_read_through_a_conversation_of_charlie(charlie: Person, of_alice: Accepted) -> None:
    client, own = client_of("charlie", charlie), ask(charlie, "My own")
    base = f"/api/conversations/{own.conversation_id}"

    read = client.get(f"{base}/messages?leaf_id={of_alice.reply_id}")
    moved = client.put(f"{base}/head", {"message_id": of_alice.reply_id}, "application/json")

    assert (read.status_code, read.json()["code"]) == (404, "message.not_found")
    assert (moved.status_code, moved.json()["code"]) == (404, "message.not_found")


@pytest.mark.parametrize("visitor", VISITORS)
def test_the_admin_is_closed_to_people_without_a_post_in_it(visitor: str, charlie: Person, of_alice: Accepted) -> None:
    client = client_of(visitor, charlie)
    pages = ["/admin/", f"/admin/assistant/generation/{of_alice.generation_id}/change/", "/admin/assistant/person/"]

    for page in pages:
        answer = client.get(page)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")


# Each frame by which a page can name an object, with what charlie is told. A new frame needs a line here.
FRAMES: dict[str, tuple[Callable[[Accepted], dict[str, object]], str]] = {
    "message.send": (
        lambda of: {
            "client_message_id": uuid4(),
            "conversation_id": of.conversation_id,
            "parent_id": of.reply_id,
            "text": "Let me in",
        },
        "conversation.not_found",
    ),
    "generation.follow": (
        lambda of: {"generation_id": of.generation_id, "after_seq": 0},
        "generation.not_found",
    ),
    "generation.stop": (lambda of: {"generation_id": of.generation_id}, "generation.not_found"),
    "generation.regenerate": (lambda of: {"message_id": of.reply_id}, "message.not_found"),
}


def test_every_frame_has_a_line() -> None:
    assert {get_args(frame.model_fields["type"].annotation)[0] for frame in get_args(protocol.Frame)} == set(FRAMES)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("type_", FRAMES)
async def test_a_socket_of_charlie_does_nothing_to_alice(type_: str, charlie: Person, of_alice: Accepted) -> None:
    fields, code = FRAMES[type_]
    before = await database_sync_to_async(_everything)()
    socket = await connect(await database_sync_to_async(cookie_of)(charlie))

    await socket.send(type_, **fields(of_alice))

    told = await _all_told(socket)
    assert [(frame["type"], frame["code"]) for frame in told] == [("error", code)]
    await socket.close()
    assert await database_sync_to_async(_everything)() == before


@pytest.mark.django_db(transaction=True)
async def test_a_message_cannot_follow_a_reply_of_another(charlie: Person, of_alice: Accepted) -> None:
    own = await database_sync_to_async(ask)(charlie, "My own")
    socket = await connect(await database_sync_to_async(cookie_of)(charlie))

    await socket.send(
        "message.send",
        client_message_id=uuid4(),
        conversation_id=own.conversation_id,
        parent_id=of_alice.reply_id,
        text="Let me in",
    )

    assert [frame["code"] for frame in await _all_told(socket)] == ["message.invalid_parent"]
    await socket.close()


@pytest.mark.django_db(transaction=True)
async def test_a_socket_of_charlie_hears_no_hint_of_alice(alice: Person, charlie: Person) -> None:
    socket = await connect(await database_sync_to_async(cookie_of)(charlie))

    await database_sync_to_async(ask)(alice)

    assert await _all_told(socket) == []
    await socket.close()


async def _all_told(socket: Socket) -> list[dict[str, Any]]:
    """Every frame but the hint that names nothing, which may come to anybody at any time."""
    told = []
    while not await socket.receive_nothing(timeout=0.3):
        told.append(await socket.receive())
    return [frame for frame in told if frame != {"type": "hint", "v": 1, "conversation_id": None}]


def _addresses() -> Iterator[str]:
    """Every method and path of the product's own, ids by name."""
    for path in _paths(get_resolver()):
        # The refusal of a method that nobody offers names those that are.
        answer = Client().generic("PROPFIND", "/" + re.sub(r"<\w+:\w+>", str(uuid4()), path))
        for method in set(answer.get("Allow", "GET").split(", ")) - {"HEAD"}:
            yield f"{method} /" + re.sub(r"<\w+:(\w+)>", r"{\1}", path)


def _paths(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if path not in PARTS:
                yield from _paths(pattern, path)
        elif pattern.name != "api-root":  # ninja's name for the place itself; it leads to a 404
            yield path


def _everything() -> list[list[dict[str, object]]]:
    """All that charlie might have changed."""
    return [list(model.objects.order_by("pk").values()) for model in MODELS]
