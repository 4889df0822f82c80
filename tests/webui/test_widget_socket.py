"""The socket of a visitor: opened once by a ticket, from the frame's own origin, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from channels.db import database_sync_to_async
from uuid_utils.compat import uuid7

from assistant.desk import attachments, drafts, presence, sites, visitors
from assistant.models import Attachment, Conversation, Generation, Message, Person, Site
from tests.assistant.desk import rows
from tests.webui.sockets import ORIGIN as OWN
from tests.webui.sockets import Socket, cookie_of, socket_of
from tests.webui.visitors import ORIGIN, shop
from webui import protocol
from webui.widget.consumers import SUBPROTOCOL

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


@pytest.fixture
def site(transactional_db: None) -> Site:
    return shop()


@database_sync_to_async
def arrives(site: Site) -> tuple[Any, str, str]:
    """A visitor, their token, and a ticket."""
    visitor, token = visitors.open_visitor(site, ORIGIN)
    return visitor, token, visitors.new_ticket(visitors.token_with(token))


@database_sync_to_async
def taken_by_dora(site: Site, conversation_id: Any) -> None:
    rows.reply(rows.agent("dora", site.team), conversation_id)


def socket_with(ticket: str, origin: bytes = OWN, headers: tuple[Any, ...] = ()) -> Socket:
    return Socket(
        [(b"host", b"testserver"), (b"origin", origin), *headers],
        path="/ws/widget/",
        subprotocols=[SUBPROTOCOL, ticket],
    )


async def test_a_ticket_opens_it_and_only_the_name_of_the_protocol_is_answered(site: Site) -> None:
    _, _, ticket = await arrives(site)
    socket = socket_with(ticket)
    await socket.send_input({"type": "websocket.connect"})

    assert (await socket.receive_output(timeout=5))["subprotocol"] == SUBPROTOCOL
    await socket.close()


async def test_a_ticket_opens_nothing_twice_nor_from_elsewhere(site: Site) -> None:
    _, _, ticket = await arrives(site)
    elsewhere = socket_with(ticket, ORIGIN.encode())
    assert await elsewhere.open() == 4403
    first = socket_with(ticket)
    assert await first.open() is None

    again = socket_with(ticket)

    assert await again.open() == protocol.CLOSE_NOT_SIGNED_IN
    await first.close()


async def test_a_session_opens_no_visitors_socket(site: Site) -> None:
    alice = await database_sync_to_async(rows.agent)("alice")
    cookie = await database_sync_to_async(cookie_of)(alice)

    socket = socket_with("", headers=((b"cookie", cookie.encode()),))

    assert await socket.open() == protocol.CLOSE_NOT_SIGNED_IN


async def test_a_message_is_stored_once_and_its_answer_followed(site: Site) -> None:
    visitor, _, ticket = await arrives(site)
    socket = socket_with(ticket)
    await socket.open()
    message = {"client_message_id": uuid7(), "text": "Hello", "page": "https://shop.example/spades"}

    await socket.send("message.send", **message)
    accepted = await until(socket, "message.accepted")
    await socket.send("message.send", **message)
    assert await until(socket, "message.accepted") == accepted

    assert accepted["reply_id"]
    await database_sync_to_async(visitor.refresh_from_db)()
    assert visitor.last_page == "https://shop.example/spades"
    assert await Message.objects.filter(author_id=visitor.pk).acount() == 1
    await socket.close()


async def test_with_a_person_there_a_message_has_no_reply(site: Site) -> None:
    visitor, _, ticket = await arrives(site)
    said = await database_sync_to_async(rows.say)(visitor)
    await taken_by_dora(site, said.conversation_id)
    socket = socket_with(ticket)
    await socket.open()

    await socket.send("message.send", client_message_id=uuid7(), conversation_id=said.conversation_id, text="Thanks")

    accepted = await until(socket, "message.accepted")
    assert (accepted["reply_id"], accepted["generation_id"]) == (None, None)
    await socket.close()


@pytest.mark.parametrize("where", ["the same site", "another site"])
async def test_nothing_of_another_visitor_is_followed_stopped_or_answered(site: Site, where: str) -> None:
    theirs, _, _ = await arrives(site)
    said = await database_sync_to_async(rows.say)(theirs, "hidden")
    own_site = site if where == "the same site" else await database_sync_to_async(shop)("Other")
    _, _, ticket = await arrives(own_site)
    socket = socket_with(ticket)
    await socket.open()

    for type_, fields in (
        ("generation.follow", {"generation_id": said.generation_id, "after_seq": 0}),
        ("generation.stop", {"generation_id": said.generation_id}),
        ("message.send", {"client_message_id": uuid7(), "conversation_id": said.conversation_id, "text": "Mine"}),
        ("generation.regenerate", {"message_id": said.reply_id}),
        ("case.look", {"conversation_id": said.conversation_id}),
        ("visitor.typing", {"conversation_id": said.conversation_id, "is_typing": True}),
    ):
        await socket.send(type_, **fields)
        assert "hidden" not in str(await until(socket, "error"))
    assert await Message.objects.filter(conversation=said.conversation_id).acount() == 2
    assert not await Generation.objects.filter(cancel_requested_at__isnull=False).aexists()
    assert presence.looking(said.conversation_id) == []
    await socket.close()


async def test_a_file_of_another_visitor_is_sent_with_no_message(site: Site) -> None:
    theirs, _, _ = await arrives(site)
    said = await database_sync_to_async(rows.say)(theirs, "hidden")
    file = await database_sync_to_async(attach)(theirs.pk, said.conversation_id)
    _, _, ticket = await arrives(site)
    socket = socket_with(ticket)
    await socket.open()

    await socket.send("message.send", client_message_id=uuid7(), text="Mine", attachment_ids=[file.pk])

    assert (await until(socket, "error"))["code"] == "attachment.not_found"
    assert await Message.objects.filter(text="Mine").acount() == 0
    await socket.close()


def attach(person_id: Any, conversation_id: Any) -> Attachment:
    return attachments.store(person_id, Conversation.objects.get(pk=conversation_id), "a.txt", b"hidden")


async def test_what_the_assistant_suggests_to_an_agent_is_not_followed_by_the_visitor(site: Site) -> None:
    visitor, _, ticket = await arrives(site)
    said = await database_sync_to_async(rows.say)(visitor)
    await taken_by_dora(site, said.conversation_id)
    dora = await Person.objects.aget(username="dora")
    await database_sync_to_async(rows.say)(visitor, "And now?", said.conversation_id)
    draft = await database_sync_to_async(drafts.suggest)(dora.pk, said.conversation_id)
    socket = socket_with(ticket)
    await socket.open()

    for type_, fields in (
        ("generation.follow", {"generation_id": draft.pk, "after_seq": 0}),
        ("generation.stop", {"generation_id": draft.pk}),
    ):
        await socket.send(type_, **fields)
        assert (await until(socket, "error"))["code"] == "generation.not_found"
    assert not await Generation.objects.filter(pk=draft.pk, cancel_requested_at__isnull=False).aexists()
    await socket.close()


async def test_a_socket_that_is_open_says_nothing_more_once_identity_is_demanded(site: Site) -> None:
    _, _, ticket = await arrives(site)
    socket = socket_with(ticket)
    await socket.open()
    await database_sync_to_async(sites.update)(site.id, by=None, is_identity_required=True)

    await socket.send("message.send", client_message_id=uuid7(), text="Still here")

    assert (await socket.receive())["code"] == "visitor.identity_required"
    assert not await Message.objects.aexists()
    await socket.close()


async def test_agents_who_look_are_told_that_the_visitor_writes_and_no_longer(site: Site) -> None:
    visitor, _, ticket = await arrives(site)
    said = await database_sync_to_async(rows.say)(visitor)
    dora = await database_sync_to_async(lambda: rows.agent("dora", site.team))()
    desk = socket_of(await database_sync_to_async(cookie_of)(dora), path="/ws/desk/")
    await desk.open()
    await desk.send("case.look", conversation_id=said.conversation_id)
    assert not (await until(desk, "case.presence"))["visitor_is_typing"]
    socket = socket_with(ticket)
    await socket.open()

    await socket.send("visitor.typing", conversation_id=said.conversation_id, is_typing=True)
    begun = await until(desk, "case.presence")
    await socket.send("visitor.typing", conversation_id=said.conversation_id, is_typing=False)
    ended = await until(desk, "case.presence")

    assert (begun["visitor_is_typing"], ended["visitor_is_typing"]) == (True, False)
    assert begun["agents"] == []
    await socket.close()
    await desk.close()


async def test_a_reply_that_a_person_took_over_is_not_read_on(site: Site) -> None:
    visitor, _, ticket = await arrives(site)
    said = await database_sync_to_async(rows.say)(visitor)
    await taken_by_dora(site, said.conversation_id)
    socket = socket_with(ticket)
    await socket.open()

    await socket.send("generation.follow", generation_id=said.generation_id, after_seq=0)

    refused = await until(socket, "error")
    assert refused["code"] == "generation.not_found"
    await socket.close()


async def test_one_site_cannot_take_the_model_from_all(site: Site, settings: Any) -> None:
    settings.LIMITS, settings.MESSAGES_PER_SITE_PER_MINUTE = True, 1
    _, _, ticket = await arrives(site)
    socket = socket_with(ticket)
    await socket.open()
    await socket.send("message.send", client_message_id=uuid7(), text="First")
    await until(socket, "message.accepted")
    _, _, ticket = await arrives(site)
    other = socket_with(ticket)
    await other.open()

    await other.send("message.send", client_message_id=uuid7(), text="Second")

    assert (await until(other, "error"))["code"] == "rate.limited"
    await socket.close()
    await other.close()


async def until(socket: Socket, type_: str) -> Any:
    while (frame := await socket.receive())["type"] != type_:
        pass
    return frame
