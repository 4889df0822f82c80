"""Hands a reply to a program as it is written, or whole; whoever goes away before its end stops it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.db import InterfaceError, OperationalError
from django.http import HttpResponseBase, JsonResponse, StreamingHttpResponse

from assistant.chat import actions, queries
from assistant.chat.actions import Accepted
from assistant.chat.follow import follow
from assistant.chat.queue import Place
from assistant.errors import TABLE, AssistantError, failure_message
from webui.errors import openai_error
from webui.v1.wire import Asked, Part, Shape, head_of

log = logging.getLogger(__name__)

DATABASE_RETRY_S = 1.0
# Comments, which clients skip, tell proxies that the connection lives.
WAITING = ": waiting for a worker\n\n"
DONE = "data: [DONE]\n\n"

_stopping: set[asyncio.Task[None]] = set()


class ReplyFailed(Exception):
    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, failure_message(code, message)
        self.status = TABLE[code][1] if code in TABLE else 500
        super().__init__(code)


async def answer(person_id: UUID, accepted: Accepted, asked: Asked, shape: Shape) -> HttpResponseBase:
    """The whole answer of a view."""
    reading = _Reading(person_id, accepted.generation_id, asked.sampling()["logprobs"] is not None)
    head = head_of(shape, accepted.generation_id.hex, asked.model)
    response: HttpResponseBase
    if asked.stream:
        events = _events(reading, head, shape, asked.wants_usage)
        response = StreamingHttpResponse(events, content_type="text/event-stream; charset=utf-8")
        response["X-Accel-Buffering"] = "no"  # nginx would gather the words and hand them out in heaps
    else:
        response = await _whole(reading, head, shape)
    response["Cache-Control"] = "no-store"
    response["X-Request-Id"] = str(accepted.generation_id)
    return response


@dataclass(frozen=True, slots=True)
class _Reading:
    """Who reads which reply."""

    person_id: UUID
    generation_id: UUID
    wants_chances: bool


async def _whole(reading: _Reading, head: dict[str, Any], shape: Shape) -> JsonResponse:
    try:
        async with aclosing(_written(reading)) as written:
            parts = [part async for part in written if part]
    except ReplyFailed as failed:
        return JsonResponse(openai_error(failed.code, failed.message, failed.status), status=failed.status)
    usage = await database_sync_to_async(_usage)(reading)
    return JsonResponse(shape.whole(head, [_joined(parts, reading.wants_chances)], usage))


def _joined(parts: list[Part], has_chances: bool) -> Part:
    chances = tuple(of for part in parts for of in part.chances or ())
    return Part("".join(part.text for part in parts), parts[-1].finish_reason, chances if has_chances else None)


async def _events(reading: _Reading, head: dict[str, Any], shape: Shape, wants_usage: bool) -> AsyncIterator[str]:
    """Server-sent events, each a chunk of the reply."""
    if shape.is_chat:
        yield _event(shape.first(head, 0))
    try:
        async with aclosing(_written(reading)) as written:
            async for part in written:
                yield WAITING if part is None else _event(shape.chunk(head, 0, part))
    except ReplyFailed as failed:
        yield _event(openai_error(failed.code, failed.message, failed.status))
        return
    if wants_usage:
        yield _event(shape.usage_chunk(head, await database_sync_to_async(_usage)(reading)))
    yield DONE


async def _written(reading: _Reading) -> AsyncGenerator[Part | None, None]:
    """Text as it comes, and last how it ended; None while it waits. Raises ReplyFailed."""
    seq, text, is_over = 0, "", False
    try:
        while not is_over:
            try:
                async with aclosing(follow(reading.generation_id, seq)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Place):
                            yield None
                            continue
                        seq = piece.seq
                        offset, delta = len(text), piece.data.get("delta", "")
                        if piece.kind == "snapshot":
                            if not piece.data["text"].startswith(text):
                                raise ReplyFailed("server.error", "")  # what was handed out cannot be taken back
                            delta = piece.data["text"][len(text) :]
                            if delta and reading.wants_chances:
                                raise ReplyFailed("generation.logprobs_lost", "")
                        text += delta
                        is_over = piece.kind in ("finished", "failed")
                        if piece.kind == "failed":
                            raise ReplyFailed(piece.data["code"], piece.data["message"])
                        if is_over:
                            yield Part("", _reason(piece.data["finish_reason"]))
                        elif delta or piece.chances:
                            yield Part(delta, None, piece.chances if reading.wants_chances else None, offset)
            except AssistantError as gone:  # its conversation was erased meanwhile
                raise ReplyFailed(gone.code, gone.message) from gone
            except (OperationalError, InterfaceError):
                await asyncio.sleep(DATABASE_RETRY_S)  # the database is away; the log has been read to its end
    finally:
        if not is_over:
            _stop(reading.person_id, reading.generation_id)


def _stop(person_id: UUID, generation_id: UUID) -> None:
    """In a task of its own, and in a thread that is not the request's: both are coming to their end."""

    async def stop() -> None:
        try:
            await database_sync_to_async(actions.stop_generation, thread_sensitive=False)(person_id, generation_id)
        except Exception as problem:
            log.warning("generation %s is read by nobody and could not be stopped: %s", generation_id, problem)

    task = asyncio.get_running_loop().create_task(stop())
    _stopping.add(task)
    task.add_done_callback(_stopping.discard)


def _reason(finish_reason: str) -> str:
    """OpenAI knows no "cancelled": a reply that was stopped on the page has stopped."""
    return "length" if finish_reason == "length" else "stop"


def _usage(reading: _Reading) -> dict[str, int]:
    row = queries.generation_of(reading.person_id, reading.generation_id)
    read, written = row.prompt_tokens or 0, row.completion_tokens
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n"
