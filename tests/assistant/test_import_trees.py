"""Any tree that is imported comes out again as it went in."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.chat.models import Conversation
from assistant.models import Person
from assistant.portability import archive
from assistant.portability.actions import import_file
from tests.assistant.chatgpt_files import BEGUN_AT, conversation, file_of, node

ROLES = st.sampled_from(["user", "assistant", "system", "tool"])
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    """A conversation of ChatGPT whose nodes hang below earlier ones, in any order in the file."""
    nodes: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 14))):
        parent = draw(st.sampled_from([None, *(each["id"] for each in nodes)]))
        time = BEGUN_AT + draw(st.integers(0, 1000))
        nodes.append(node(f"n{number}", parent, draw(ROLES), draw(TEXTS), create_time=time))
    head = draw(st.sampled_from([each["id"] for each in nodes]))
    return conversation(*draw(st.permutations(nodes)), current_node=head, title=draw(TEXTS))


def exported(person: Person) -> dict[str, Any]:
    row = Conversation.objects.get(owner=person)
    return archive.documents.conversation(person.id, row)


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """Without the ids, which are new in every copy; messages are named by their place instead."""
    place = {message["id"]: number for number, message in enumerate(document["messages"])}
    messages = [
        (place.get(message["parent_id"]), message["role"], message["text"], message["created_at"])
        for message in document["messages"]
    ]
    kept = {name: document[name] for name in ("title", "created_at", "updated_at", "is_archived")}
    return {**kept, "head": place[document["head_id"]], "messages": messages}


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees())
def test_import_export_import_export_gives_the_same(alice: Person, charlie: Person, tree: dict[str, Any]) -> None:
    Conversation.objects.all().delete()
    report = import_file(alice.id, file_of(tree))
    if not report.imported:
        assert [refusal.error.code for refusal in report.refused] == ["import.empty"]
        return
    first = exported(alice)

    _, data = archive.conversation_json(alice.id, first["id"])
    assert import_file(charlie.id, io.BytesIO(data)).imported == 1
    second = exported(charlie)

    assert comparable(first) == comparable(second)
    assert import_file(charlie.id, io.BytesIO(data)).already_here == 1
    _expect_turns(second["messages"])
    assert first["created_at"] == datetime.fromtimestamp(BEGUN_AT, UTC)


def _expect_turns(messages: list[dict[str, Any]]) -> None:
    """What every action of the product relies on."""
    role_of = {message["id"]: message["role"] for message in messages}
    parents = {message["parent_id"] for message in messages}
    for message in messages:
        assert message["parent_id"] is None or role_of[message["parent_id"]] != message["role"]
        assert message["role"] == "assistant" or message["id"] in parents
