"""All of a person's data as one ZIP that is made while it is sent: only one conversation at a time is in memory."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext

from assistant.accounts.models import Person
from assistant.chat.branches import path_to
from assistant.chat.models import Conversation
from assistant.chat.queries import kept_conversation_of
from assistant.portability import attached, documents, markdown
from assistant.portability.names import safe


class _Outlet:
    """A file that cannot be rewound: what the ZIP writes is taken away piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def everything(person: Person) -> Iterator[bytes]:
    """The bytes of the ZIP. Temporary conversations and deleted ones are not in it."""
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]  # write and flush are all that it needs
        for name, data in _files(person):
            archive.writestr(name, data)
            yield outlet.take()
    yield outlet.take()


def conversation_json(person_id: UUID, conversation_id: UUID) -> tuple[str, bytes]:
    """A conversation as (file name, content). Raises conversation.not_found, conversation.temporary."""
    row = kept_conversation_of(person_id, conversation_id)
    return f"{file_name(row)}.json", _json(documents.conversation(person_id, row))


def conversation_markdown(person_id: UUID, conversation_id: UUID) -> tuple[str, bytes]:
    """The visible path as (file name, content). Raises conversation.not_found, conversation.temporary."""
    row = kept_conversation_of(person_id, conversation_id)
    return f"{file_name(row)}.md", _markdown(row)


def file_name(conversation: Conversation) -> str:
    """A name that every file system takes, whatever the title is: letters, digits and the day, which also keeps it
    from being empty, hidden or one of Windows' reserved words."""
    return f"{conversation.created_at:%Y-%m-%d} {safe(conversation.title)}".strip()


def _files(person: Person) -> Iterator[tuple[str, bytes]]:
    yield "README.md", _readme().encode()
    yield "person.json", _json(documents.person(person))
    yield "folders.json", _json(documents.folders(person.id))
    yield "share_links.json", _json(documents.share_links(person.id))
    yield "comparisons.json", _json(documents.comparisons(person.id))
    yield "learning.json", _json(documents.learning(person.id))
    kept = Conversation.objects.filter(owner=person, deleted_at=None, is_temporary=False)
    for id_ in list(kept.order_by("id").values_list("id", flat=True)):
        if row := kept.select_related("folder", "head").filter(pk=id_).first():  # it may have been deleted meanwhile
            name = f"conversations/{file_name(row)} {id_.hex[-8:]}"
            yield f"{name}.json", _json(documents.conversation(person.id, row))
            yield f"{name}.md", _markdown(row)
    yield "files.json", _json(attached.listed(person.id))
    yield from attached.contents(person.id)


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1).encode()


def _markdown(row: Conversation) -> bytes:
    return "".join(markdown.conversation(row.title, path_to(row.head) if row.head else [])).encode()


def _readme() -> str:
    return gettext(
        "# Your data\n\n"
        "- conversations/: each conversation twice. The .md file is for reading: the branch that you last looked at. "
        "The .json file is complete: all branches, how answers were made, your ratings. Parley can import it again.\n"
        "- person.json: your account, your consent to training with its time, your preferences.\n"
        "- folders.json, share_links.json, comparisons.json: your folders, the links you have shared, your votes.\n"
        "- learning.json: what became of your feedback, and what is learned from it.\n"
        "- files/: files that you sent or were sent; files.json says with which message.\n\n"
        "All times are in UTC. Temporary chats and deleted conversations are not included.\n"
    )
