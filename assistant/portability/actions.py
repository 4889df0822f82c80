"""Takes in conversations from a file: each whole or not at all, and none twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from assistant.chat import copying, stream
from assistant.chat.models import Conversation, Message
from assistant.chat.texts import title_of
from assistant.errors import AssistantError
from assistant.portability import chatgpt, files, parley
from assistant.portability.values import ReadConversation, title_from

MAX_TOLD = 20
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Refusal:
    title: str
    error: AssistantError


@dataclass(slots=True)
class ImportReport:
    """`refused` names the first of those that could not be read."""

    imported: int = 0
    already_here: int = 0
    refused_count: int = 0
    refused: list[Refusal] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def import_file(person_id: UUID, file: IO[bytes]) -> ImportReport:
    """Store every conversation of an export of ChatGPT or of Parley. A file that cannot be read to its end changes
    nothing; a conversation that makes no sense is refused by itself. Raises import.*."""
    report = ImportReport()
    newest: UUID | None = None
    with _a_place():
        for _ in files.conversations_in(file):
            pass  # it is whole
        for document in files.conversations_in(file):
            try:
                read = _read(document)
                if stored := _store(person_id, read):
                    newest = stored
                    report.imported += 1
                    report.left_out += read.left_out
                else:
                    report.already_here += 1
            except AssistantError as error:
                report.refused_count += 1
                if len(report.refused) < MAX_TOLD:
                    title = title_from(document.get("title")) if isinstance(document, dict) else ""
                    report.refused.append(Refusal(title, error))
    if newest:
        stream.hint(person_id, newest)
    return report


@contextmanager
def _a_place() -> Iterator[None]:
    """A large file takes much memory for a while: a process reads one at a time."""
    if not _one_at_a_time.acquire(timeout=20):
        raise AssistantError("import.busy")
    try:
        yield
    finally:
        _one_at_a_time.release()


def _read(document: Any) -> ReadConversation:
    if isinstance(document, dict):
        for reader in (chatgpt, parley):
            if reader.is_one(document):
                try:
                    read: ReadConversation = reader.read(document)
                    return read
                except ValidationError as error:
                    place = error.errors(include_url=False, include_input=False, include_context=False)[0]["loc"]
                    raise AssistantError("import.wrong_type", field=".".join(map(str, place))[:100]) from None
    raise AssistantError("import.unknown_format")


@transaction.atomic
def _store(person_id: UUID, read: ReadConversation) -> UUID | None:
    """None: it is here already."""
    if not read.messages:
        raise AssistantError("import.empty")
    own = Conversation.objects.filter(owner_id=person_id)
    key = read.import_key()
    # Somebody who deleted it and imports it again wants it back.
    own.filter(import_key=key, deleted_at__isnull=False).update(import_key=None)
    asked = [message.text for message in read.messages if message.role == Message.Role.USER]
    now = timezone.now()
    conversation, is_new = Conversation.objects.get_or_create(
        owner_id=person_id,
        import_key=key,
        defaults={
            "title": read.title or (title_of(asked[0]) if asked else ""),
            "archived_at": now if read.is_archived else None,
        },
    )
    if not is_new:
        return None
    begun_at = read.created_at or now
    copying.add_messages(conversation, read.messages, read.head_key)
    own.filter(pk=conversation.pk).update(created_at=begun_at, updated_at=read.updated_at or begun_at)
    return conversation.id
