"""Stopping ends a reply and keeps what was written."""

from __future__ import annotations

import pytest

from assistant.chat import actions
from assistant.chat.actions import Accepted
from assistant.errors import AssistantError
from assistant.models import Generation, Person
from tests.assistant.rows import finish


def test_a_reply_no_worker_has_touched_ends_at_once(alice: Person, asked: Accepted) -> None:
    actions.stop_generation(alice.id, asked.generation_id)

    generation = Generation.objects.get()
    assert (generation.state, generation.finish_reason) == ("cancelled", "cancelled")


def test_a_running_reply_is_asked_to_end(alice: Person, asked: Accepted) -> None:
    Generation.objects.update(state="running", attempts=1)

    actions.stop_generation(alice.id, asked.generation_id)

    generation = Generation.objects.get()
    assert generation.state == "running"
    assert generation.cancel_requested_at is not None


def test_a_reply_that_has_ended_stays_as_it_is(alice: Person, asked: Accepted) -> None:
    finish(asked, "Hello!")

    actions.stop_generation(alice.id, asked.generation_id)

    assert Generation.objects.get().state == "completed"


def test_charlie_cannot_stop_a_reply_of_alice(charlie: Person, asked: Accepted) -> None:
    with pytest.raises(AssistantError, match=r"generation\.not_found"):
        actions.stop_generation(charlie.id, asked.generation_id)

    assert Generation.objects.get().cancel_requested_at is None
