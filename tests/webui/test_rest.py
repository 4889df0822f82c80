"""The desk for programs: what a key may read and write."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from assistant.accounts import api_keys
from assistant.models import AuditEvent, Message, Note, Person, Site, Visitor
from tests.assistant.desk import rows
from tests.assistant.desk.conftest import dora, mallory, shop, visitor
from tests.assistant.desk.rows import answered, say

__all__ = ["dora", "mallory", "shop", "visitor"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)
AT = "/api/desk/v1"


def program_of(person: Person) -> Client:
    return Client(headers={"Authorization": f"Bearer {api_keys.create(person.id, 'Tests', by=None)}"})


@pytest.fixture
def program(dora: Person) -> Client:
    return program_of(dora)


def test_conversations_are_listed_read_and_answered(program: Client, visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    answered(asked.generation_id)
    say(rows.visitor(rows.site("Elsewhere")))

    [row] = program.get(f"{AT}/conversations").json()["items"]
    assert row["id"] == str(asked.conversation_id)
    assert (row["contact_id"], row["mode"]) == (str(visitor.pk), "assistant")
    at = f"{AT}/conversations/{row['id']}"
    key = str(uuid4())
    for _ in range(2):
        said = program.post(f"{at}/messages", {"text": "It is here.", "client_message_id": key}, "application/json")
        assert said.status_code == 201
    assert program.get(at).json()["mode"] == "person"
    messages = program.get(f"{at}/messages").json()["items"]
    assert [(message["role"], message["text"]) for message in messages] == [
        ("user", "Where is my order?"),
        ("assistant", "It comes tomorrow."),
        ("agent", "It is here."),
    ]
    assert messages[2]["author_id"] == str(dora.pk)


def test_what_only_agents_see_is_not_among_the_messages(program: Client, visitor: Visitor, dora: Person) -> None:
    asked = say(visitor)
    Note.objects.create(case_id=asked.conversation_id, author=dora, text="A difficult one")
    Message.including_drafts.filter(pk=asked.reply_id).update(is_draft=True, text="A draft")

    answer = program.get(f"{AT}/conversations/{asked.conversation_id}/messages")

    assert b"difficult" not in answer.content
    assert b"draft" not in answer.content


def test_lists_are_paged_and_filtered(program: Client, shop: Site) -> None:
    visitors = [rows.visitor(shop) for _ in range(5)]
    Visitor.objects.filter(pk=visitors[2].pk).update(email="ann@example.org")
    seen, cursor = [], ""
    while True:
        page = program.get(f"{AT}/contacts?limit=2{cursor}").json()
        seen += [row["id"] for row in page["items"]]
        if not page["next_cursor"]:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert seen == [str(each.pk) for each in reversed(visitors)]
    [found] = program.get(f"{AT}/contacts?email=ann@example.org").json()["items"]
    assert found["id"] == str(visitors[2].pk)
    assert program.get(f"{AT}/contacts?limit=0").status_code == 400
    assert program.get(f"{AT}/contacts?email=%00").status_code == 400


def test_a_contact_is_corrected(program: Client, visitor: Visitor) -> None:
    at = f"{AT}/contacts/{visitor.pk}"
    told = {"name": "Ann", "email": "ann@example.org", "fields": {"plan": "gold"}}

    assert program.patch(at, told, "application/json").json() | told == program.get(at).json()
    assert program.patch(at, {"name": "Anna"}, "application/json").json()["email"] == "ann@example.org"
    refused = program.patch(at, {"email": "nowhere"}, "application/json")
    assert (refused.status_code, refused.json()["code"]) == (400, "contact.invalid")


def test_an_administrator_erases_a_contact_and_an_agent_does_not(
    program: Client, visitor: Visitor, alice: Person
) -> None:
    at = f"{AT}/contacts/{visitor.pk}"
    Person.objects.filter(pk=alice.pk).update(role=Person.Role.ADMIN)

    assert program.delete(at).status_code == 403
    assert Visitor.objects.exists()
    assert program_of(alice).delete(at).status_code == 204
    assert not Person.objects.filter(pk=visitor.pk).exists()
    assert AuditEvent.objects.filter(action="contact.erase").count() == 1


def test_sites_are_read(program: Client, shop: Site) -> None:
    rows.site("Elsewhere")

    [row] = program.get(f"{AT}/sites").json()["items"]
    assert row["id"] == str(shop.pk)
    assert program.get(f"{AT}/sites/{shop.pk}").json() == row
    assert "secret" not in " ".join(row)


@pytest.mark.parametrize("who", ["an agent of another team", "the visitor", "a reviewer", "nobody"])
def test_others_find_nothing(who: str, visitor: Visitor, mallory: Person, bob: Person, shop: Site) -> None:
    asked = say(visitor)
    people = {"an agent of another team": mallory, "the visitor": visitor.person, "a reviewer": bob}
    client = program_of(people[who]) if who in people else Client()
    status = {"an agent of another team": 404, "nobody": 401}.get(who, 403)
    before = [list(model.objects.order_by("pk").values()) for model in (Message, Visitor, Person)]
    conversation, contact = f"{AT}/conversations/{asked.conversation_id}", f"{AT}/contacts/{visitor.pk}"

    answers = [
        client.get(conversation),
        client.get(f"{conversation}/messages"),
        client.post(f"{conversation}/messages", {"text": "Hi"}, "application/json"),
        client.get(contact),
        client.patch(contact, {"name": "Mallory"}, "application/json"),
        client.get(f"{AT}/sites/{shop.pk}"),
    ]

    assert [answer.status_code for answer in answers] == [status] * len(answers)
    for name in ("conversations", "contacts", "sites"):
        listed = client.get(f"{AT}/{name}")
        ids = {str(each) for each in (asked.conversation_id, visitor.pk, shop.pk)}
        assert not ids & {row["id"] for row in listed.json().get("items", [])}
    assert client.delete(contact).status_code == (401 if who == "nobody" else 403)
    assert [list(model.objects.order_by("pk").values()) for model in (Message, Visitor, Person)] == before
