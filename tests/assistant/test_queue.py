"""Whoever waits for a reply is told how many are before it and whether anybody is there, and is told only the news."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from django.db import connection
from django.db.models.functions import Now

from assistant.chat import queue
from assistant.chat.actions import Accepted
from assistant.chat.follow import Piece, follow
from assistant.chat.queue import Place
from assistant.models import Generation, Person, Worker
from tests.assistant.rows import finish, worker
from tests.conftest import ask


def generation_of(accepted: Accepted) -> Generation:
    return Generation.objects.get(pk=accepted.generation_id)


def place_of(accepted: Accepted) -> Place | None:
    return queue.place_of(generation_of(accepted))


def test_those_who_asked_before_are_counted_and_those_after_are_not(alice: Person, bob: Person) -> None:
    worker()
    before, own, _after = ask(bob), ask(alice), ask(bob)

    assert place_of(before) == Place(0, "ready")
    assert place_of(own) == Place(1, "ready")


def test_replies_that_are_being_written_or_have_ended_are_not_before_anybody(alice: Person, bob: Person) -> None:
    running, ended, own = ask(bob), ask(bob), ask(alice)
    Generation.objects.filter(pk=running.generation_id).update(state=Generation.State.RUNNING)
    finish(ended, "Done.")

    assert place_of(own) == Place(0, "none")
    assert place_of(running) is None
    assert place_of(ended) is None


@pytest.mark.parametrize(
    ("state", "beat_ago_s", "said"),
    [("ready", 0, "ready"), ("starting", 0, "starting"), ("draining", 0, "none"), ("ready", 60, "none")],
)
def test_it_is_said_who_is_there(db: None, state: str, beat_ago_s: int, said: str) -> None:
    assert queue.workers() == "none"
    Worker.objects.filter(pk=worker().pk).update(state=state, beat_at=Now() - timedelta(seconds=beat_ago_s))

    assert queue.workers() == said


def test_the_count_is_found_by_an_index(asked: Accepted) -> None:
    rows = queue.waiting_before(generation_of(asked))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # a table of one row is read whole otherwise

    assert "generation_by_state" in rows.explain()


@pytest.mark.django_db(transaction=True)
async def test_a_place_is_told_again_only_when_it_changed(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.chat.follow.SILENCE_S", 0.1)
    await database_sync_to_async(worker)()
    before = await database_sync_to_async(ask)(bob)
    own = await database_sync_to_async(ask)(alice)
    told: list[Piece | Place] = []

    async with asyncio.timeout(10):
        async for news in follow(own.generation_id, 0):
            told.append(news)
            if news == Place(1, "ready"):
                await asyncio.sleep(0.5)
                await database_sync_to_async(finish)(before, "Done.")
            elif news == Place(0, "ready"):
                await database_sync_to_async(finish)(own, "Hello.")

    assert told[:2] == [Place(1, "ready"), Place(0, "ready")]
    assert [piece.kind for piece in told[2:] if isinstance(piece, Piece)] == ["snapshot", "finished"]
    assert len(told) == 4
