"""The pages of agents: what they show, and to whom."""

from __future__ import annotations

import re
from uuid import uuid4

from django.test import Client

from assistant.desk import casework, handoff
from assistant.models import Person, Site, Visitor
from tests.assistant.desk.conftest import dora, eve, mallory, shop, visitor
from tests.assistant.desk.rows import answered, reply, say
from tests.assistant.desk.rows import visitor as another

__all__ = ["dora", "eve", "mallory", "shop", "visitor"]  # fixtures


def browser_of(person: Person) -> Client:
    client = Client()
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    return client


def test_an_agent_reads_the_list_and_a_case_before_any_script(dora: Person, visitor: Visitor) -> None:
    said = say(visitor, "Where is <b>my</b> order?")
    answered(said.generation_id, "It comes **tomorrow**.")
    client = browser_of(dora)

    listed = client.get("/desk/?status=assistant").content.decode()
    case = client.get(f"/desk/cases/{said.conversation_id}/").content.decode()

    assert "It comes **tomorrow**." in listed
    assert "Where is &lt;b&gt;my&lt;/b&gt; order?" in case
    assert "It comes **tomorrow**." in case


def test_another_teams_case_is_not_found(mallory: Person, visitor: Visitor) -> None:
    said = say(visitor, "Where is my order?")
    client = browser_of(mallory)

    answer = client.get(f"/desk/cases/{said.conversation_id}/")

    assert answer.status_code == 404
    assert "my order" not in client.get("/desk/?status=assistant").content.decode()
    assert "my order" not in answer.content.decode()


def test_what_nobody_waits_for_is_listed_newest_first(dora: Person, visitor: Visitor, shop: Site) -> None:
    first = say(visitor, "The first of two")
    second = say(another(shop), "The second of two")
    for said in (first, second):
        handoff.resolve(dora.pk, said.conversation_id)

    listed = browser_of(dora).get("/desk/?status=resolved").content.decode()

    assert listed.index("The second of two") < listed.index("The first of two")
    assert "status=resolved&amp;order" not in listed


def test_a_visitors_page_is_a_link_only_where_a_browser_would_load_it(dora: Person, visitor: Visitor) -> None:
    said = say(visitor, "Hello", page="javascript:alert(1)//https://shop.example")

    case = browser_of(dora).get(f"/desk/cases/{said.conversation_id}/").content.decode()

    assert "javascript:alert(1)" in case
    assert 'href="javascript' not in case


def test_notes_and_what_happened_stand_where_they_happened(dora: Person, visitor: Visitor) -> None:
    said = say(visitor, "Where is my order?")
    handoff.take(dora.pk, said.conversation_id)
    casework.add_note(dora.pk, said.conversation_id, "It is lost")
    reply(dora, said.conversation_id, "I look for it.")

    case = browser_of(dora).get(f"/desk/cases/{said.conversation_id}/").content.decode()
    scroll = case[case.index('id="case-items"') :]

    places = [scroll.index(text) for text in ("Where is my order?", "Dora took over", "It is lost", "I look for it.")]
    assert places == sorted(places)


def test_older_messages_come_with_what_happened_between_them(dora: Person, visitor: Visitor) -> None:
    said = say(visitor, "Message 0")
    handoff.take(dora.pk, said.conversation_id)
    for number in range(1, 60):
        say(visitor, f"Message {number}", said.conversation_id)
    client = browser_of(dora)

    newest = client.get(f"/desk/cases/{said.conversation_id}/").content.decode()
    leaf = re.findall(r"leaf_id=([\w-]+)", newest)[0]
    older = client.get(f"/desk/cases/{said.conversation_id}/?leaf_id={leaf}").content.decode()

    assert "Message 59<" in newest
    assert "Dora took over" not in newest
    assert "Message 0<" in older
    assert "Message 59<" not in older[older.index('id="case-items"') :]
    assert "Dora took over" in older


def test_the_same_note_sent_twice_is_there_once(dora: Person, eve: Person, visitor: Visitor) -> None:
    said, note_id = say(visitor), uuid4()

    first = casework.add_note(dora.pk, said.conversation_id, "Once", note_id=note_id)
    again = casework.add_note(dora.pk, said.conversation_id, "Once", note_id=note_id)
    of_another = casework.add_note(eve.pk, said.conversation_id, "Mine", note_id=note_id)

    assert first == again
    assert of_another.pk != note_id
