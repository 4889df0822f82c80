"""Who may do what by a socket: every frame that names an object, for every role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async

from assistant.chat.actions import Accepted
from assistant.models import Person
from tests.conftest import ask
from tests.webui.roles import everything
from tests.webui.sockets import Socket, connect, cookie_of
from webui import protocol

pytestmark = pytest.mark.django_db(transaction=True)

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


@pytest.mark.parametrize("visitor", ["bob", "charlie", "guest"])
@pytest.mark.parametrize("type_", FRAMES)
async def test_a_socket_of_another_does_nothing_to_alice(
    type_: str, visitor: str, bob: Person, charlie: Person, guest: Person, of_alice: Accepted
) -> None:
    fields, code = FRAMES[type_]
    person = {"bob": bob, "charlie": charlie, "guest": guest}[visitor]
    before = await database_sync_to_async(everything)()
    socket = await connect(await database_sync_to_async(cookie_of)(person))

    await socket.send(type_, **fields(of_alice))

    told = await _all_told(socket)
    assert [(frame["type"], frame["code"]) for frame in told] == [("error", code)]
    await socket.close()
    assert await database_sync_to_async(everything)() == before


@pytest.mark.parametrize("type_", FRAMES)
async def test_a_socket_of_alice_does_it(type_: str, alice: Person, of_alice: Accepted) -> None:
    socket = await connect(await database_sync_to_async(cookie_of)(alice))

    await socket.send(type_, **FRAMES[type_][0](of_alice))

    assert "error" not in [frame["type"] for frame in await _all_told(socket)]
    await socket.close()


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
