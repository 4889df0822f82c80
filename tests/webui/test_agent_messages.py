"""What a person of the desk said is shown as theirs on the page and in what is exported and shared."""

from __future__ import annotations

import pytest
from django.test import Client

from assistant.desk import handoff
from assistant.models import Person, Visitor
from tests.assistant.desk import rows


@pytest.fixture
def conversation_id(alice: Person, client: Client) -> str:
    """Alice's, with an answer of Dora's below a draft that nobody was shown."""
    shop = rows.site()
    Visitor.objects.create(person=alice, site=shop)
    dora = rows.agent("dora", shop.team)
    asked = rows.say(alice.visitor)
    handoff.take(dora.id, asked.conversation_id)
    rows.answered(asked.generation_id, "Seahorses.")
    rows.reply(dora, asked.conversation_id, "It is <b>on its way</b>.")
    client.force_login(alice)
    return str(asked.conversation_id)


def test_the_page_and_the_interface_name_who_answered(client: Client, conversation_id: str) -> None:
    page = client.get(f"/c/{conversation_id}/").content.decode()
    assert 'data-role="agent"' in page
    assert "Dora" in page
    assert "It is &lt;b&gt;on its way&lt;/b&gt;." in page

    last = client.get(f"/api/conversations/{conversation_id}/messages").json()["items"][-1]
    assert (last["role"], last["author_name"], last["generation"]) == ("agent", "Dora", None)


@pytest.mark.parametrize(
    "address", ["/c/{}/", "/c/{}/export.json", "/c/{}/export.md", "/api/conversations/{}/messages"]
)
def test_no_draft_is_shown_or_exported(client: Client, conversation_id: str, address: str) -> None:
    answer = client.get(address.format(conversation_id))
    text = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]

    assert b"on its way" in text
    assert b"Seahorses" not in text


def test_an_agents_message_is_not_rated_as_the_models(client: Client, conversation_id: str) -> None:
    last = client.get(f"/api/conversations/{conversation_id}/messages").json()["items"][-1]
    answer = client.put(f"/api/messages/{last['id']}/feedback", {"rating": "up"}, "application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "message.not_a_reply")
