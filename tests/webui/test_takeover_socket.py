"""Whoever reads a reply when a person takes over hears no more of it."""

from __future__ import annotations

import pytest
from channels.db import database_sync_to_async

from assistant.chat.actions import Accepted
from assistant.desk import handoff
from assistant.models import Generation, Person, Visitor
from inference.contract import StreamEvent
from tests.assistant.desk import rows
from tests.webui.sockets import Socket, connect, cookie_of
from tests.webui.test_protocol_transcripts import PlayedWorker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dora(alice: Person) -> Person:
    """Of the shop that alice visits. (Visitors have sockets of their own; what they do with replies is the same.)"""
    shop = rows.site()
    Visitor.objects.create(person=alice, site=shop)
    return rows.agent("dora", shop.team)


async def until(socket: Socket, kind: str) -> None:
    while True:
        frame = await socket.receive()
        if kind in (frame["type"], frame.get("kind")):
            return


def begun(alice: Person, played: PlayedWorker) -> Accepted:
    asked = rows.say(alice.visitor)
    played.begin()
    played.write("It comes ")
    return asked


async def test_a_reader_hears_no_word_after_the_takeover(alice: Person, dora: Person) -> None:
    socket, played = await connect(await database_sync_to_async(cookie_of)(alice)), PlayedWorker()
    asked = await database_sync_to_async(begun)(alice, played)
    await socket.send("generation.follow", generation_id=asked.generation_id, after_seq=0)
    await until(socket, "delta")
    while not await socket.receive_nothing(timeout=0.2):
        assert (await socket.receive())["type"] == "hint"  # of the question and of the reply's beginning

    await database_sync_to_async(handoff.take)(dora.id, asked.conversation_id)
    await until(socket, "hint")
    await database_sync_to_async(played.write)("tomorrow.")
    await database_sync_to_async(played.end)(StreamEvent("finished", "", finish_reason="stop"))

    while not await socket.receive_nothing(timeout=0.5):
        assert (await socket.receive())["type"] == "hint"
    await socket.send("generation.follow", generation_id=asked.generation_id, after_seq=0)
    frame = await socket.receive()
    assert (frame["type"], frame["code"]) == ("error", "generation.not_found")
    await socket.close()


async def test_a_message_to_a_person_is_accepted_without_a_reply(alice: Person, dora: Person) -> None:
    socket = await connect(await database_sync_to_async(cookie_of)(alice))
    asked = await database_sync_to_async(rows.say)(alice.visitor)
    await database_sync_to_async(handoff.take)(dora.id, asked.conversation_id)

    await socket.send(
        "message.send",
        client_message_id="0193a000-0000-7000-8000-000000000001",
        conversation_id=asked.conversation_id,
        parent_id=asked.message_id,
        text="Hello?",
    )
    while (frame := await socket.receive())["type"] == "hint":
        pass
    assert (frame["type"], frame["reply_id"], frame["generation_id"]) == ("message.accepted", None, None)
    assert await database_sync_to_async(Generation.objects.count)() == 1
    await socket.close()
