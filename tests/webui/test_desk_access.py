"""Who may see and do what at the desk: its agents, those of another team, the visitor's own person, and all others."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from channels.db import database_sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from PIL import Image

from assistant.desk import attachments, handoff, visitors
from assistant.models import (
    Attachment,
    Case,
    CaseRead,
    Conversation,
    HandoffEvent,
    Label,
    Message,
    Note,
    Person,
    Site,
    Team,
    Visitor,
    VisitorToken,
)
from tests.assistant.desk.conftest import dora, eve, mallory, shop, visitor
from tests.assistant.desk.rows import agent, say
from tests.webui.addresses import ADDRESSES
from tests.webui.sockets import cookie_of, socket_of

__all__ = ["dora", "eve", "mallory", "shop", "visitor"]  # fixtures

Ask = Callable[[Client, UUID], HttpResponse]
JSON = "application/json"

CALLS: dict[str, Ask] = {
    "page": lambda c, id_: c.get(f"/desk/cases/{id_}/"),
    "part": lambda c, id_: c.get(f"/desk/cases/{id_}/", {"part": "case"}),
    "reply": lambda c, id_: c.post(
        f"/api/desk/cases/{id_}/replies", {"client_message_id": uuid4(), "text": "Hi"}, JSON
    ),
    "note": lambda c, id_: c.post(f"/api/desk/cases/{id_}/notes", {"client_note_id": uuid4(), "text": "Hm"}, JSON),
    "take": lambda c, id_: c.put(f"/api/desk/cases/{id_}/mode", {"mode": "person"}, JSON),
    "give back": lambda c, id_: c.put(f"/api/desk/cases/{id_}/mode", {"mode": "assistant"}, JSON),
    "resolve": lambda c, id_: c.put(f"/api/desk/cases/{id_}/mode", {"mode": "resolved"}, JSON),
    "read": lambda c, id_: c.put(f"/api/desk/cases/{id_}/read"),
    "suggest": lambda c, id_: c.post(f"/api/desk/cases/{id_}/suggestion"),
    "change": lambda c, id_: c.patch(f"/api/desk/cases/{id_}", {"assignee_id": None}, JSON),
    "change nothing": lambda c, id_: c.patch(f"/api/desk/cases/{id_}", {}, JSON),
    "upload": lambda c, id_: c.post(
        "/api/desk/attachments", {"conversation_id": id_, "file": SimpleUploadedFile("a.txt", b"Text")}
    ),
    "many": lambda c, id_: c.post("/api/desk/bulk", {"ids": [str(id_)], "action": "resolve"}, JSON),
}
OTHERS = ["mallory", "the visitor", "the visitor's token", "bob", "charlie", "nobody"]


@pytest.fixture
def case_id(visitor: Visitor) -> UUID:
    return say(visitor, "Where is my order?").conversation_id


@pytest.fixture
def enter(dora: Person, mallory: Person, visitor: Visitor, bob: Person, charlie: Person) -> Callable[[str], Client]:
    people = {"dora": dora, "mallory": mallory, "the visitor": visitor.person, "bob": bob, "charlie": charlie}

    def client_of(name: str) -> Client:
        if name == "the visitor's token":
            token = secrets.token_urlsafe(32)
            VisitorToken.objects.create(sha256=visitors.sha256_of(token), visitor=visitor)
            return Client(headers={"Authorization": f"Bearer {token}"})
        client = Client()
        if name != "nobody":
            client.force_login(people[name], "django.contrib.auth.backends.ModelBackend")
        return client

    return client_of


def everything() -> list[list[dict[str, object]]]:
    kept = (Attachment, Case, CaseRead, HandoffEvent, Label, Message, Note, Team)
    return [list(model._default_manager.order_by("pk").values()) for model in kept]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("call", CALLS)
def test_nobody_else_reads_or_changes_a_case(
    call: str, name: str, enter: Callable[[str], Client], case_id: UUID
) -> None:
    before = everything()

    answer = CALLS[call](enter(name), case_id)

    assert answer.status_code in (401, 403, 404)
    assert b"my order" not in answer.content
    assert everything() == before


@pytest.mark.parametrize("call", CALLS)
def test_an_agent_of_the_team_is_let_in(call: str, enter: Callable[[str], Client], case_id: UUID) -> None:
    assert CALLS[call](enter("dora"), case_id).status_code in (200, 201, 204)


@pytest.mark.parametrize("name", ["dora", "mallory"])
@pytest.mark.parametrize("call", CALLS)
def test_what_is_not_there_looks_like_what_is_anothers(
    call: str, name: str, enter: Callable[[str], Client], case_id: UUID
) -> None:
    absent, theirs = CALLS[call](enter(name), uuid4()), CALLS[call](enter("mallory"), case_id)

    assert absent.status_code == theirs.status_code == 404
    if not call.startswith("pa"):  # pages name the address they are not at
        assert absent.content == theirs.content


def test_every_address_that_names_a_case_is_among_the_calls(enter: Callable[[str], Client], case_id: UUID) -> None:
    asked: set[str] = set()
    for call in CALLS.values():
        request = call(enter("dora"), case_id).request
        asked.add(f"{request['REQUEST_METHOD']} {request['PATH_INFO'].replace(str(case_id), '{conversation_id}')}")

    named = {address for address in ADDRESSES if "/desk/cases/" in address}
    assert named | {"POST /api/desk/attachments", "POST /api/desk/bulk"} == asked


def test_many_are_changed_or_none(enter: Callable[[str], Client], case_id: UUID, shop: Site) -> None:
    answer = enter("dora").post("/api/desk/bulk", {"ids": [str(case_id), str(uuid4())], "action": "resolve"}, JSON)

    assert answer.status_code == 404
    assert Case.objects.get(pk=case_id).mode == "assistant"


def test_a_visitors_file_is_for_agents_of_the_team(
    enter: Callable[[str], Client], case_id: UUID, visitor: Visitor, dora: Person
) -> None:
    handoff.take(dora.pk, case_id)
    conversation = Conversation.objects.get(pk=case_id)
    file = attachments.store(visitor.pk, conversation, "order.txt", b"Number 4711")
    say(visitor, "Here it is", case_id, attachment_ids=[file.pk])

    page = enter("dora").get(f"/desk/cases/{case_id}/").content.decode()
    answers = {name: enter(name).get(f"/api/desk/attachments/{file.pk}") for name in ("dora", "mallory", "charlie")}

    assert f"/api/desk/attachments/{file.pk}" in page
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "dora": 200,
        "mallory": 404,
        "charlie": 404,
    }
    assert answers["dora"].content == b"Number 4711"
    assert answers["dora"]["Content-Disposition"].startswith("attachment")


def test_an_agent_sends_a_file_that_the_page_then_shows(enter: Callable[[str], Client], case_id: UUID) -> None:
    client, picture = enter("dora"), io.BytesIO()
    Image.new("RGB", (20, 10)).save(picture, "PNG")

    form = {"conversation_id": case_id, "file": SimpleUploadedFile("map.gif", picture.getvalue())}
    file = client.post("/api/desk/attachments", form).json()
    body = {"client_message_id": uuid4(), "text": "Here it is", "attachment_ids": [file["id"]]}
    answer = client.post(f"/api/desk/cases/{case_id}/replies", body, JSON)

    assert answer.status_code == 201
    assert (file["name"], file["media_type"]) == ("map.png", "image/png")
    assert Attachment.objects.get().message_id == UUID(answer.json()["id"])
    page = client.get(f"/desk/cases/{case_id}/").content.decode()
    assert f'<img src="/api/desk/attachments/{file["id"]}" alt="map.png"' in page


def test_what_is_neither_picture_nor_text_an_agent_does_not_send_either(
    enter: Callable[[str], Client], case_id: UUID
) -> None:
    form = {"conversation_id": case_id, "file": SimpleUploadedFile("a.png", b"%PDF-1.7\n\xff\xfe")}

    answer = enter("dora").post("/api/desk/attachments", form)

    assert (answer.status_code, answer.json()["code"]) == (400, "attachment.not_taken")
    assert not Attachment.objects.exists()


@pytest.mark.parametrize("action", ["add_member", "remove_member"])
def test_only_administrators_say_who_is_in_a_team(
    action: str, enter: Callable[[str], Client], shop: Site, dora: Person, charlie: Person
) -> None:
    fields = {"action": action, "email": charlie.email, "id": str(dora.pk)}

    answer = enter("dora").post(f"/desk/teams/{shop.team_id}/", fields)

    assert answer.status_code == 403
    assert list(shop.team.members.all()) == [dora]


def test_an_administrator_makes_a_team_and_says_who_is_in_it(charlie: Person, db: None) -> None:
    admin = agent("ada")
    Person.objects.filter(pk=admin.pk).update(role=Person.Role.ADMIN)
    client = Client()
    client.force_login(admin, "django.contrib.auth.backends.ModelBackend")

    made = client.post("/desk/teams/", {"name": "Harbour"})
    client.post(made["Location"], {"action": "add_member", "email": charlie.email})
    client.post(made["Location"], {"action": "add_canned", "name": "hello", "text": "Hello!"})
    client.post(made["Location"], {"action": "add_label", "name": "refund"})

    team = Team.objects.get(name="Harbour")
    assert list(team.members.all()) == [charlie]
    assert [reply.name for reply in team.canned_replies.all()] == ["hello"]
    assert [label.name for label in team.labels.all()] == ["refund"]
    assert "Harbour" in client.get("/desk/teams/").content.decode()
    client.post(made["Location"], {"action": "remove_member", "id": str(charlie.pk)})
    assert list(team.members.all()) == []


@pytest.mark.parametrize("name", ["mallory", "dora"])
def test_the_team_of_others_is_not_found(
    name: str, enter: Callable[[str], Client], shop: Site, mallory: Person
) -> None:
    team_id = shop.team_id if name == "mallory" else Site.objects.get(name="Elsewhere").team_id

    client = enter(name)

    assert client.get(f"/desk/teams/{team_id}/").status_code == 404
    assert client.post(f"/desk/teams/{team_id}/", {"action": "add_label", "name": "mine"}).status_code == 404
    assert not Label.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestBySocket:
    """/ws/desk/ is for agents, and shows them their team's cases alone."""

    @pytest.mark.parametrize("name", ["charlie", "bob"])
    async def test_who_is_no_agent_is_sent_away(self, name: str, charlie: Person, bob: Person) -> None:
        person = {"charlie": charlie, "bob": bob}[name]
        socket = socket_of(await database_sync_to_async(cookie_of)(person), path="/ws/desk/")

        assert await socket.open() == 4401

    async def test_an_agent_of_another_team_neither_looks_nor_follows(
        self, mallory: Person, dora: Person, visitor: Visitor
    ) -> None:
        asked = await database_sync_to_async(say)(visitor)
        socket = socket_of(await database_sync_to_async(cookie_of)(mallory), path="/ws/desk/")
        assert await socket.open() is None

        await socket.send("case.look", conversation_id=asked.conversation_id)
        looked = await socket.receive()
        await socket.send("generation.follow", generation_id=asked.generation_id, after_seq=0)
        followed = await socket.receive()
        await socket.send("generation.stop", generation_id=asked.generation_id)
        stopped = await socket.receive()

        codes = [looked["code"], followed["code"], stopped["code"]]
        assert codes == ["desk.not_found", "generation.not_found", "generation.not_found"]
        await socket.close()

    async def test_two_agents_at_one_case_hear_of_each_other(self, dora: Person, eve: Person, visitor: Visitor) -> None:
        asked = await database_sync_to_async(say)(visitor)
        sockets = [
            socket_of(await database_sync_to_async(cookie_of)(person), path="/ws/desk/") for person in (dora, eve)
        ]
        for socket in sockets:
            assert await socket.open() is None

        await sockets[0].send("case.look", conversation_id=asked.conversation_id, is_typing=True)
        await sockets[1].send("case.look", conversation_id=asked.conversation_id)

        frame = await sockets[1].receive()
        while frame["type"] != "case.presence" or not frame["agents"]:
            frame = await sockets[1].receive()
        assert frame["agents"] == [{"name": "Dora", "is_typing": True}]
        for socket in sockets:
            await socket.close()

    async def test_who_has_left_the_team_is_sent_away_with_the_next_look_at_the_session(
        self, dora: Person, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("webui.consumers.SESSION_CHECKS_S", (0.3, 0.3))
        asked = await database_sync_to_async(say)(visitor)
        socket = socket_of(await database_sync_to_async(cookie_of)(dora), path="/ws/desk/")
        assert await socket.open() is None
        await socket.send("case.look", conversation_id=asked.conversation_id)
        assert (await socket.receive())["type"] == "case.presence"

        await database_sync_to_async(dora.teams.clear)()

        answer = await socket.receive_output(timeout=5)
        while answer["type"] == "websocket.send":
            answer = await socket.receive_output(timeout=5)
        assert (answer["type"], answer["code"]) == ("websocket.close", 4401)
