"""Hands a reply to a program as it is written, or whole; whoever goes away before its end stops it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
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
from webui.v1.wire import Asked, Shape, head_of

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
    assert accepted.generation_id is not None  # a program's conversation is answered by the model alone
    head = head_of(shape, accepted.generation_id.hex, asked.model)
    response: HttpResponseBase
    if asked.stream:
        events = _events(person_id, accepted.generation_id, head, shape, asked.wants_usage)
        response = StreamingHttpResponse(events, content_type="text/event-stream; charset=utf-8")
        response["X-Accel-Buffering"] = "no"  # nginx would gather the words and hand them out in heaps
    else:
        response = await _whole(person_id, accepted.generation_id, head, shape)
    response["Cache-Control"] = "no-store"
    response["X-Request-Id"] = str(accepted.generation_id)
    return response


async def _whole(person_id: UUID, generation_id: UUID, head: dict[str, Any], shape: Shape) -> JsonResponse:
    deltas: list[str] = []
    reason = ""
    try:
        async with aclosing(_written(person_id, generation_id)) as written:
            async for delta, ended in written:
                deltas.append(delta)
                reason = ended or reason
    except ReplyFailed as failed:
        return JsonResponse(openai_error(failed.code, failed.message, failed.status), status=failed.status)
    usage = await database_sync_to_async(_usage)(person_id, generation_id)
    return JsonResponse(shape.whole(head, "".join(deltas), reason, usage))


async def _events(
    person_id: UUID, generation_id: UUID, head: dict[str, Any], shape: Shape, wants_usage: bool
) -> AsyncIterator[str]:
    """Server-sent events, each a chunk of the reply."""
    if shape.is_chat:
        first = shape.chunk(head, "")
        first["choices"][0]["delta"]["role"] = "assistant"
        yield _event(first)
    try:
        async with aclosing(_written(person_id, generation_id)) as written:
            async for delta, reason in written:
                if delta:
                    yield _event(shape.chunk(head, delta))
                elif not reason:
                    yield WAITING
                if reason:
                    yield _event(shape.chunk(head, None, reason))
    except ReplyFailed as failed:
        yield _event(openai_error(failed.code, failed.message, failed.status))
        return
    if wants_usage:
        yield _event(shape.usage_chunk(head, await database_sync_to_async(_usage)(person_id, generation_id)))
    yield DONE


async def _written(person_id: UUID, generation_id: UUID) -> AsyncGenerator[tuple[str, str], None]:
    """Text as it comes, and with the last how it ended; ("", "") while it waits. Raises ReplyFailed."""
    seq, text, is_over = 0, "", False
    try:
        while not is_over:
            try:
                async with aclosing(follow(generation_id, seq)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Place):
                            yield "", ""
                            continue
                        seq = piece.seq
                        delta = piece.data.get("delta", "")
                        if piece.kind == "snapshot":
                            if not piece.data["text"].startswith(text):
                                raise ReplyFailed("server.error", "")  # what was handed out cannot be taken back
                            delta = piece.data["text"][len(text) :]
                        text += delta
                        is_over = piece.kind in ("finished", "failed")
                        if piece.kind == "failed":
                            raise ReplyFailed(piece.data["code"], piece.data["message"])
                        if delta or is_over:
                            yield delta, _reason(piece.data["finish_reason"]) if is_over else ""
            except AssistantError as gone:  # its conversation was erased meanwhile
                raise ReplyFailed(gone.code, gone.message) from gone
            except (OperationalError, InterfaceError):
                await asyncio.sleep(DATABASE_RETRY_S)  # the database is away; the log has been read to its end
    finally:
        if not is_over:
            _stop(person_id, generation_id)


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


def _usage(person_id: UUID, generation_id: UUID) -> dict[str, int]:
    row = queries.generation_of(person_id, generation_id)
    read, written = row.prompt_tokens or 0, row.completion_tokens
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n"
