"""Frames of the WebSocket <-> Python values: the only place that knows the names on the wire (docs/protocol.md)."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from assistant.chat.actions import Accepted
from assistant.chat.follow import Piece
from assistant.chat.queue import Place
from assistant.errors import AssistantError, failure_message

VERSION = 1
MAX_SEQ = 999_999_999
LONGEST_PACE_MS = 1000

# Why the server ended a connection, beyond RFC 6455.
CLOSE_NOT_SIGNED_IN = 4401
CLOSE_TOO_SLOW = 4408
CLOSE_TOO_MANY_PAGES = 4409
CLOSE_TOO_OFTEN = 4429


class _Frame(BaseModel):
    # A page of another version may send fields this one does not know.
    model_config = ConfigDict(extra="ignore", frozen=True)


class SendMessage(_Frame):
    type: Literal["message.send"]
    client_message_id: UUID
    conversation_id: UUID | None = None
    parent_id: UUID | None = None
    text: str
    model_choice: str = ""
    # Of a message that begins a conversation: this one is not to be kept.
    is_temporary: bool = False
    # Of a visitor of a site: what was uploaded before, and where on the site they are.
    attachment_ids: Annotated[list[UUID], Field(max_length=10)] = []
    page: Annotated[str, Field(max_length=2000)] = ""


class Follow(_Frame):
    type: Literal["generation.follow"]
    generation_id: UUID
    after_seq: Annotated[int, Field(strict=True, ge=0, le=MAX_SEQ)]


class Stop(_Frame):
    type: Literal["generation.stop"]
    generation_id: UUID


class Regenerate(_Frame):
    type: Literal["generation.regenerate"]
    message_id: UUID
    model_choice: str | None = None
    # False: what the model itself says, whatever has been approved.
    uses_approved_answers: bool = True


class LookAtCase(_Frame):
    """An agent has this case open, or (null) none, and writes to its visitor, or not."""

    type: Literal["case.look"]
    conversation_id: UUID | None = None
    is_typing: bool = False


class VisitorTypes(_Frame):
    """A visitor is writing in their conversation, or no longer. What they write is not told before they send it."""

    type: Literal["visitor.typing"]
    conversation_id: UUID
    is_typing: bool


Frame = SendMessage | Follow | Stop | Regenerate
VisitorFrame = SendMessage | Follow | Stop | VisitorTypes
DeskFrame = Follow | Stop | LookAtCase
AnyFrame = Frame | VisitorFrame | DeskFrame

# What may be sent to the chat, by a visitor of a site, and to the desk of agents.
OF_CHAT: TypeAdapter[Frame] = TypeAdapter(Annotated[Frame, Field(discriminator="type")])
OF_VISITOR: TypeAdapter[VisitorFrame] = TypeAdapter(Annotated[VisitorFrame, Field(discriminator="type")])
OF_DESK: TypeAdapter[DeskFrame] = TypeAdapter(Annotated[DeskFrame, Field(discriminator="type")])


def pace_s(query: dict[str, list[str]]) -> float:
    """Seconds for which a page wants text to gather, of the socket's address; 0 where it does not say."""
    named = query.get("pace_ms", ["0"])[-1]
    return min(int(named), LONGEST_PACE_MS) / 1000 if re.fullmatch(r"\d{1,9}", named, re.ASCII) else 0.0


def parse(
    text: str | None, frames: TypeAdapter[Any] = OF_CHAT
) -> tuple[AnyFrame | None, str | None, AssistantError | None]:
    """Read one of these frames. Returns (frame, what it refers to, error): a frame that cannot be used is answered by
    an error that names the client's own id, where it has one, so that the page knows which request was refused."""
    if text is None:
        return None, None, AssistantError("frame.invalid", reason="it is binary")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None, None, AssistantError("frame.invalid", reason="it is not JSON")
    if not isinstance(fields, dict):
        return None, None, AssistantError("frame.invalid", reason="it is not a JSON object")
    ref = _ref(fields)
    try:
        return frames.validate_python(fields), ref, None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"].startswith("union_tag"):
            return None, ref, AssistantError("frame.unknown", type=repr(fields.get("type"))[:60])
        name = str(first["loc"][-1])
        if name == "after_seq":
            return None, ref, AssistantError("generation.invalid_position")
        return None, ref, AssistantError("frame.invalid", reason=f"{name}: {first['msg'].lower()}")


def welcome() -> str:
    """The first frame of a socket that was not turned away, which until then looks the same."""
    return _dump("welcome")


def accepted(value: Accepted) -> str:
    return _dump(
        "message.accepted",
        client_message_id=value.client_message_id and str(value.client_message_id),
        conversation_id=str(value.conversation_id),
        message_id=str(value.message_id),
        reply_id=value.reply_id and str(value.reply_id),
        generation_id=value.generation_id and str(value.generation_id),
    )


def event(generation_id: UUID, piece: Piece) -> str:
    data = piece.data
    if piece.kind == "failed":
        data = {**data, "message": failure_message(data["code"], data["message"])}
    return _dump(
        "generation.event",
        generation_id=str(generation_id),
        seq=piece.seq,
        after_seq=piece.after_seq,
        kind=piece.kind,
        **data,
    )


def queued(generation_id: UUID, place: Place) -> str:
    return _dump("generation.queued", generation_id=str(generation_id), ahead=place.ahead, workers=place.workers)


def error(problem: AssistantError, ref: str | None) -> str:
    wait = {} if problem.retry_after_s is None else {"retry_after_s": problem.retry_after_s}
    return _dump("error", code=problem.code, message=problem.message, retryable=problem.retryable, ref=ref, **wait)


def hint(conversation_id: UUID | None) -> str:
    """`conversation_id` null: anything may have changed."""
    return _dump("hint", conversation_id=conversation_id and str(conversation_id))


def case_presence(conversation_id: UUID, agents: list[tuple[str, bool]], *, visitor_is_typing: bool) -> str:
    """`agents`: the others who look at it, by name, and whether they are typing."""
    return _dump(
        "case.presence",
        conversation_id=str(conversation_id),
        agents=[{"name": name, "is_typing": is_typing} for name, is_typing in agents],
        visitor_is_typing=visitor_is_typing,
    )


def _dump(type_: str, **fields: Any) -> str:
    return json.dumps({"type": type_, "v": VERSION, **fields}, ensure_ascii=False, separators=(",", ":"))


def _ref(fields: dict[str, Any]) -> str | None:
    for name in ("client_message_id", "generation_id", "message_id"):
        value = fields.get(name)
        if isinstance(value, str):
            return value[:64]
    return None
