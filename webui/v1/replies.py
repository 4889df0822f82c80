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


async def answer(person_id: UUID, accepted: list[Accepted], asked: Asked, shape: Shape) -> HttpResponseBase:
    """The whole answer of a view: a choice for each accepted reply, the first of which names it."""
    wants_chances = asked.sampling()["logprobs"] is not None
    # A program's conversation is answered by the model alone, so each has a generation.
    ids = [each.generation_id for each in accepted if each.generation_id]
    readings = [_Reading(person_id, generation_id, wants_chances) for generation_id in ids]
    first = ids[0]
    head = head_of(shape, first.hex, asked.model)
    response: HttpResponseBase
    if asked.stream:
        events = _events(readings, head, shape, asked.wants_usage)
        response = StreamingHttpResponse(events, content_type="text/event-stream; charset=utf-8")
        response["X-Accel-Buffering"] = "no"  # nginx would gather the words and hand them out in heaps
    else:
        response = await _whole(readings, head, shape)
    response["Cache-Control"] = "no-store"
    response["X-Request-Id"] = str(first)
    return response


@dataclass(frozen=True, slots=True)
class _Reading:
    """Who reads which reply."""

    person_id: UUID
    generation_id: UUID
    wants_chances: bool


async def _whole(readings: list[_Reading], head: dict[str, Any], shape: Shape) -> JsonResponse:
    parts: list[list[Part]] = [[] for _ in readings]
    try:
        async with aclosing(_interleaved(readings)) as written:
            async for index, part in written:
                if part:
                    parts[index].append(part)
    except ReplyFailed as failed:
        return JsonResponse(openai_error(failed.code, failed.message, failed.status), status=failed.status)
    choices = [_joined(own, reading.wants_chances) for own, reading in zip(parts, readings, strict=True)]
    return JsonResponse(shape.whole(head, choices, await database_sync_to_async(_usage)(readings)))


def _joined(parts: list[Part], has_chances: bool) -> Part:
    chances = tuple(of for part in parts for of in part.chances or ())
    return Part("".join(part.text for part in parts), parts[-1].finish_reason, chances if has_chances else None)


async def _events(
    readings: list[_Reading], head: dict[str, Any], shape: Shape, wants_usage: bool
) -> AsyncIterator[str]:
    """Server-sent events, each a chunk of one reply."""
    if shape.is_chat:
        for index in range(len(readings)):
            yield _event(shape.first(head, index))
    try:
        async with aclosing(_interleaved(readings)) as written:
            async for index, part in written:
                yield WAITING if part is None else _event(shape.chunk(head, index, part))
    except ReplyFailed as failed:
        yield _event(openai_error(failed.code, failed.message, failed.status))
        return
    if wants_usage:
        yield _event(shape.usage_chunk(head, await database_sync_to_async(_usage)(readings)))
    yield DONE


async def _interleaved(readings: list[_Reading]) -> AsyncGenerator[tuple[int, Part | None], None]:
    """The parts of all replies as they come, each with its reply's place; the first that fails ends the others."""
    parts: asyncio.Queue[tuple[int, Part | Exception | None]] = asyncio.Queue(len(readings))

    async def read(index: int, reading: _Reading) -> None:
        try:
            async with aclosing(_written(reading)) as written:
                async for part in written:
                    await parts.put((index, part))
        except Exception as problem:
            await parts.put((index, problem))

    tasks = [asyncio.create_task(read(index, reading)) for index, reading in enumerate(readings)]
    unfinished = len(readings)
    try:
        while unfinished:
            index, part = await parts.get()
            if isinstance(part, Exception):
                raise part
            yield index, part
            unfinished -= part is not None and part.finish_reason is not None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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


def _usage(readings: list[_Reading]) -> dict[str, int]:
    """The prompt counts once, as OpenAI does it."""
    rows = [queries.generation_of(each.person_id, each.generation_id) for each in readings]
    read, written = rows[0].prompt_tokens or 0, sum(row.completion_tokens for row in rows)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n"
