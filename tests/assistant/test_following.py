"""Whoever follows a reply gets all of it, from any position, at any speed, whatever has become of the log."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from channels.db import database_sync_to_async
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from assistant.chat import live_logs, stream
from assistant.chat.actions import Accepted
from assistant.chat.follow import Piece, follow
from assistant.chat.live_logs import LiveLog
from assistant.chat.queue import Place
from assistant.chat.stream import EntryKind, LogEntry
from assistant.errors import AssistantError
from assistant.models import Generation, Person
from tests.assistant.rows import finish

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

END = {"finish_reason": "stop", "text_sha256": "0" * 64}


def log_of(texts: list[str], snapshot_at: int | None = None) -> list[LogEntry]:
    """A reply in so many deltas; from `snapshot_at` on as another worker wrote it again."""
    entries = [LogEntry(1, "started", {"dropped_messages": 0})]
    for index, text in enumerate(texts):
        if index == snapshot_at:
            entries.append(LogEntry(len(entries) + 1, "snapshot", {"text": "".join(texts[:index])}))
        entries.append(LogEntry(len(entries) + 1, "delta", {"delta": text}, (index,)))
    return [*entries, LogEntry(len(entries) + 1, "finished", dict(END))]


def rows_of(entries: list[LogEntry]) -> list[tuple[bytes, dict[bytes, bytes]]]:
    return [(b"%d-0" % entry.seq, {b"e": entry.body()}) for entry in entries]


def write(id_: UUID, *entries: LogEntry) -> None:
    stream.append_script()(**stream.append_arguments(id_, 1, -1, list(entries)))


def text_after(text: str, kind: EntryKind, data: dict[str, str]) -> str:
    if kind == "snapshot":
        return data["text"]
    return text + data["delta"] if kind == "delta" else text


async def all_of(id_: UUID, after_seq: int = 0) -> list[Piece]:
    async with asyncio.timeout(5):
        return [piece async for piece in follow(id_, after_seq)]


@given(
    st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=12),
    st.none() | st.integers(0, 11),
    st.lists(st.integers(1, 4), max_size=8),
)
def test_a_reader_who_takes_what_is_there_now_and_then_has_the_same_text(
    texts: list[str], snapshot_at: int | None, arrivals: list[int]
) -> None:
    entries = log_of(texts, snapshot_at)
    live = LiveLog()
    text, position = "", 0

    for arrived in [*arrivals, len(entries)]:
        if entries[:arrived]:
            live.add(rows_of(entries[:arrived]))
        entries = entries[arrived:]
        for entry in live.after(position):
            text = text_after(text, entry.kind, entry.data)
            position = entry.seq

    assert text == "".join(texts)


async def test_deltas_that_gathered_come_as_one() -> None:
    id_ = uuid7()
    await asyncio.to_thread(write, id_, *log_of(["The ", "tide ", "turns."]))

    pieces = await all_of(id_)

    assert [(piece.after_seq, piece.seq, piece.kind) for piece in pieces] == [
        (0, 1, "started"),
        (1, 4, "delta"),
        (4, 5, "finished"),
    ]
    assert pieces[1].data == {"delta": "The tide turns."}


async def test_text_gathers_at_the_pace_of_its_reader_and_the_end_waits_for_nobody() -> None:
    id_ = uuid7()
    begin, first, second, third, end = log_of(["The ", "tide ", "turns."])
    pieces: asyncio.Queue[Piece | Place] = asyncio.Queue()

    async def read() -> None:
        async for piece in follow(id_, 0, pace_s=60):
            pieces.put_nowait(piece)

    async with asyncio.timeout(5):
        await asyncio.to_thread(write, id_, begin, first)
        reader = asyncio.create_task(read())
        taken = [await pieces.get(), await pieces.get()]
        for entry in (second, third):
            await asyncio.to_thread(write, id_, entry)
            await asyncio.sleep(0.05)
        assert pieces.empty()
        await asyncio.to_thread(write, id_, end)
        await reader

    assert [*taken, pieces.get_nowait(), pieces.get_nowait()] == [
        Piece(0, 1, "started", begin.data),
        Piece(1, 2, "delta", {"delta": "The "}),
        Piece(2, 4, "delta", {"delta": "tide turns."}),
        Piece(4, 5, "finished", end.data),
    ]


async def test_what_gathered_comes_when_its_time_has_passed() -> None:
    id_ = uuid7()
    begin, first, second, *_ = log_of(["The ", "tide "])
    reader = follow(id_, 0, pace_s=0.05)

    async with asyncio.timeout(5):
        await asyncio.to_thread(write, id_, begin, first)
        before = [await anext(reader), await anext(reader)]
        await asyncio.to_thread(write, id_, second)
        after = await anext(reader)
    await reader.aclose()

    assert [before[-1], after] == [Piece(1, 2, "delta", {"delta": "The "}), Piece(2, 3, "delta", {"delta": "tide "})]


async def test_a_position_gives_only_what_follows() -> None:
    id_ = uuid7()
    await asyncio.to_thread(write, id_, *log_of(["The ", "tide ", "turns."]))

    assert [piece.data.get("delta") for piece in await all_of(id_, 3)] == ["turns.", None]


async def test_what_is_written_while_one_follows_arrives() -> None:
    id_ = uuid7()
    entries = log_of(["The ", "tide ", "turns."])
    readers = [asyncio.create_task(all_of(id_)) for _ in range(3)]
    for entry in entries:
        await asyncio.to_thread(write, id_, entry)
        await asyncio.sleep(0.03)

    for reader in readers:
        assert "".join(piece.data.get("delta", "") for piece in await reader) == "The tide turns."


async def test_a_reply_whose_log_is_gone_comes_from_the_database(asked: Accepted) -> None:
    await database_sync_to_async(finish)(asked, "The tide turns.")

    pieces = await all_of(asked.generation_id, 7)

    assert [(piece.kind, piece.seq) for piece in pieces] == [("snapshot", 8), ("finished", 9)]
    assert pieces[0].data == {"text": "The tide turns."}
    assert pieces[1].data["text_sha256"] == stream.text_sha256("The tide turns.")


async def test_an_end_that_the_log_lost_is_told_after_a_silence(
    asked: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.chat.follow.SILENCE_S", 0.2)
    *entries, _ = log_of(["The ", "tide "])
    await asyncio.to_thread(write, asked.generation_id, *entries)
    await database_sync_to_async(finish)(asked, "The tide turns.")

    pieces = await all_of(asked.generation_id)

    assert [piece.kind for piece in pieces] == ["started", "delta", "snapshot", "finished"]
    assert pieces[2].data == {"text": "The tide turns."}


async def test_following_what_was_erased_ends_with_a_reason(asked: Accepted) -> None:
    await database_sync_to_async(Generation.objects.all().delete)()

    with pytest.raises(AssistantError) as caught:
        await all_of(asked.generation_id)

    assert caught.value.code == "generation.not_found"


async def test_hints_reach_the_owner_alone(alice: Person, bob: Person) -> None:
    heard_by_alice: list[UUID | None] = []
    heard_by_bob: list[UUID | None] = []
    changed = uuid4()
    logs = live_logs.current()
    with logs.listen(alice.id, heard_by_alice.append, print), logs.listen(bob.id, heard_by_bob.append, print):
        await asyncio.sleep(0.1)
        await asyncio.to_thread(stream.hint, alice.id, changed)
        async with asyncio.timeout(5):
            while not heard_by_alice:
                await asyncio.sleep(0.01)

    assert (heard_by_alice, heard_by_bob) == ([changed], [])


async def test_chances_of_what_gathered_stay_in_the_order_of_its_tokens() -> None:
    id_ = uuid7()
    begin, *deltas, end = log_of(["The ", "tide "])
    told = [replace(entry, chances=(((entry.data["delta"], -0.5), ("A ", -1.25)),)) for entry in deltas]
    await asyncio.to_thread(write, id_, begin, *told, end)

    pieces = await all_of(id_)

    assert [piece.chances for piece in pieces] == [
        (),
        ((("The ", -0.5), ("A ", -1.25)), (("tide ", -0.5), ("A ", -1.25))),
        (),
    ]
