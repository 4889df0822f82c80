"""The transcripts of docs/protocol.md, played against the real consumer, Valkey and database.

Only the worker is played by the test, so that the deltas fall exactly where the document says.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from channels.db import database_sync_to_async

from assistant.chat import leases, listing, stream
from assistant.models import Conversation, Generation, Person, Worker
from inference.contract import EngineFailure, EngineInfo, PromptInfo, StreamEvent
from tests.assistant.rows import worker
from tests.conftest import ask
from tests.webui.sockets import Socket, connect, cookie_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.md"
NOTICES = ("hint", "generation.queued")  # may come between any two frames
ENGINE = EngineInfo("scripted", "scripted", "0" * 64, "none", 1000, 4)


def transcripts() -> list[Any]:
    found = re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", DOCUMENT.read_text(encoding="utf-8"), re.S | re.M)
    return [
        pytest.param(block.strip().splitlines(), id=f"{title}, {number}")
        for title, section in found
        for number, block in enumerate(re.findall(r"```transcript\n(.*?)```", section, re.S), 1)
    ]


class PlayedWorker:
    """Claims the waiting reply and writes it as the runner and the log writer do, one entry at a time."""

    def begin(self) -> None:
        [generation] = leases.waiting(1, may_take_over=True)
        claimed = leases.claim(generation, worker().id, ENGINE)
        assert claimed
        self.reply = claimed[0]
        self._say(StreamEvent("started", "", prompt=PromptInfo(9, "", "", 0)))

    def write(self, text: str) -> None:
        self._say(StreamEvent("delta", "", (1,), text))

    def end(self, event: StreamEvent) -> None:
        outcome = leases.end(self.reply, event, ENGINE)
        assert outcome
        self.reply.close(outcome.kind, outcome.data)
        self._flush()

    def _say(self, event: StreamEvent) -> None:
        self.reply.take([event])
        self._flush()

    def _flush(self) -> None:
        arguments = stream.append_arguments(self.reply.generation_id, self.reply.fence, *self.reply.unlogged())
        self.reply.logged_seq = stream.append_script()(**arguments)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lines", transcripts())
async def test_the_product_speaks_as_documented(
    lines: list[str], alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.chat.follow.SILENCE_S", 0.2)
    cookie = await database_sync_to_async(cookie_of)(alice)
    socket = await connect(cookie)
    played, names, hints = PlayedWorker(), {}, []
    for line in lines:
        mark, rest = line[:2], line[3:]
        if mark == "=>":
            await socket.send_text(_with_values(rest, names))
        elif mark == "<=":
            expected = json.loads(rest)
            _match(expected, await _next(socket, expected["type"], hints), names)
        elif rest == "the connection breaks":
            await socket.close()
        elif rest == "the page connects again":
            socket = await connect(cookie)
        else:
            if rest == "the worker sees the stop":
                await _stop_is_asked_for()
            await database_sync_to_async(_act)(rest, played, bob)
    while not await socket.receive_nothing(timeout=0.1):
        assert (await socket.receive())["type"] in NOTICES
    await socket.close()


async def _next(socket: Socket, type_: str, hints: list[dict[str, Any]]) -> dict[str, Any]:
    """The next frame; hints may come anywhere and wait until one is expected, places in the queue pass by."""
    while True:
        if type_ == "hint" and hints:
            return hints.pop(0)
        frame: dict[str, Any] = await socket.receive()
        if frame["type"] == type_ or frame["type"] not in NOTICES:
            return frame
        if frame["type"] == "hint":
            hints.append(frame)


def _act(line: str, played: PlayedWorker, other: Person) -> None:
    actions: dict[str, Callable[[], object]] = {
        "a worker is there": worker,
        "all workers are gone": Worker.objects.all().delete,
        "three others have asked before": lambda: [ask(other) for _ in range(3)],
        "two of them have been taken": lambda: _take_oldest(2),
        "a worker begins": played.begin,
        "the worker finishes": lambda: played.end(StreamEvent("finished", "", finish_reason="stop")),
        "the worker sees the stop": lambda: played.end(StreamEvent("finished", "", finish_reason="cancelled")),
        "the list of conversations is empty": _expect_nothing_listed,
        "the log expires": lambda: stream.connection().delete(stream.log_key(played.reply.generation_id)),
        "the worker fails for good": lambda: played.end(
            StreamEvent(
                "failed",
                "",
                failure=EngineFailure(
                    "generation.prompt_too_long", "The message is longer than the model can read. Shorten it.", False
                ),
            )
        ),
    }
    if written := re.fullmatch(r'the worker writes "(.*)"', line):
        played.write(written[1])
    else:
        actions[line]()


def _take_oldest(count: int) -> None:
    for generation in leases.waiting(count, may_take_over=False):
        Generation.objects.filter(pk=generation.pk).update(state=Generation.State.RUNNING)


def _expect_nothing_listed() -> None:
    assert listing.conversations_of(Conversation.objects.get().owner_id).items == []


async def _stop_is_asked_for() -> None:
    async with asyncio.timeout(5):
        while not await Generation.objects.filter(cancel_requested_at__isnull=False).aexists():
            await asyncio.sleep(0.01)


def _with_values(frame: str, names: dict[str, str]) -> str:
    return re.sub(r"\$\w+", lambda found: names[found[0]], frame)


def _match(expected: dict[str, Any], got: dict[str, Any], names: dict[str, str]) -> None:
    for field, value in expected.items():
        if isinstance(value, str) and value.startswith("$"):
            expected[field] = names.setdefault(value, got[field])
    if "text_sha256" in expected:
        expected["text_sha256"] = stream.text_sha256(expected["text_sha256"].removeprefix("of "))
    assert got == expected
