"""What was written before there was a search is found after the upgrade; and the way back is open."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.core.management import call_command
from django.db import connection

from assistant.chat.search import search
from assistant.models import Message, Person
from tests.conftest import ask


@pytest.mark.django_db(transaction=True)
def test_existing_texts_are_indexed_and_the_index_can_be_taken_away(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        ask(alice, f"Tide number {number}")
    before = {result.message_id for result in search(alice.id, "tide", limit=20).items}
    try:
        call_command("migrate", "assistant", "0003", verbosity=0)
        assert not [name for name in connection.introspection.table_names() if name.startswith("assistant_search")]
    finally:
        monkeypatch.setattr(import_module("assistant.migrations.0006_search_existing"), "BATCH", 2)
        call_command("migrate", verbosity=0)

    assert Message.objects.exclude(text="").count() == 5
    assert {result.message_id for result in search(alice.id, "tide", limit=20).items} == before
    assert len(before) == 6
