"""The transcript of agents in docs/protocol.md, played against the real consumer, Valkey and database."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from channels.db import database_sync_to_async

from assistant.desk import handoff, presence
from assistant.models import Person, Visitor
from inference.contract import StreamEvent
from tests.assistant.desk.conftest import dora, eve, shop, visitor
from tests.assistant.desk.rows import say
from tests.webui.sockets import cookie_of, socket_of
from tests.webui.test_protocol_transcripts import DOCUMENT, PlayedWorker, _match, _next, _with_values

__all__ = ["dora", "eve", "shop", "visitor"]  # fixtures


@pytest.mark.django_db(transaction=True)
async def test_the_desk_speaks_as_documented(dora: Person, eve: Person, visitor: Visitor) -> None:
    [block] = re.findall(r"```desk-transcript\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S)
    asked = await database_sync_to_async(say)(visitor)
    names = {"$case": str(asked.conversation_id), "$generation": str(asked.generation_id)}
    played, hints = PlayedWorker(), []  # type: ignore[var-annotated]
    acts: dict[str, Any] = {
        "eve looks at it and types": lambda: presence.look(asked.conversation_id, eve.pk, is_typing=True),
        "eve takes it over": lambda: handoff.take(eve.pk, asked.conversation_id),
        "a worker begins": played.begin,
        'the worker writes "It comes "': lambda: played.write("It comes "),
        'the worker writes "tomorrow."': lambda: played.write("tomorrow."),
        "the worker finishes": lambda: played.end(StreamEvent("finished", "", finish_reason="stop")),
    }
    socket = socket_of(await database_sync_to_async(cookie_of)(dora), path="/ws/desk/")
    assert await socket.open() is None

    for line in block.strip().splitlines():
        mark, rest = line[:2], line[3:]
        if mark == "=>":
            await socket.send_text(_with_values(rest, names))
        elif mark == "<=":
            expected = json.loads(rest)
            _match(expected, await _next(socket, expected["type"], hints), names)
        else:
            await database_sync_to_async(acts[rest])()
    await socket.close()
