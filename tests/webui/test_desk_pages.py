"""The pages of agents: what they show, and to whom."""

from __future__ import annotations

from django.test import Client

from assistant.models import Person, Visitor
from tests.assistant.desk.conftest import dora, eve, mallory, shop, visitor
from tests.assistant.desk.rows import answered, say

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
