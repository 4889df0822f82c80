"""What the readers of files hand to the import: one conversation, checked and cleaned, not yet stored."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from assistant.chat.copying import CopiedMessage
from assistant.chat.texts import storable
from assistant.errors import AssistantError

MAX_MESSAGES = 20_000
# Far more than anybody types; the pages would choke on more.
MAX_TEXT_CHARS = 500_000


@dataclass(frozen=True, slots=True)
class ReadConversation:
    title: str
    created_at: datetime | None
    updated_at: datetime | None
    is_archived: bool
    messages: list[CopiedMessage]
    head_key: str | None
    # Reason -> number of messages or parts that are not among them.
    left_out: Counter[str]

    def import_key(self) -> str:
        """The same for the same messages, whatever file they come in. Grown since, it is another conversation: its new
        messages must not be lost because its old ones are here already."""
        number = {message.key: index for index, message in enumerate(self.messages)}
        tree = [
            [number.get(m.parent_key), m.role, m.text, m.created_at and m.created_at.isoformat()] for m in self.messages
        ]
        return hashlib.sha256(json.dumps(tree).encode()).hexdigest()


def title_from(value: object) -> str:
    return " ".join(storable(value).split())[:200] if isinstance(value, str) else ""


def in_order(parents: dict[str, str | None], siblings: dict[str, list[str]]) -> Iterable[str]:
    """Keys of a tree, parents first, siblings as `siblings` lists them and then as they come. Raises
    import.invalid_tree where a parent is missing or nodes run in a circle, import.too_many_messages."""
    if len(parents) > MAX_MESSAGES:
        raise AssistantError("import.too_many_messages", limit=MAX_MESSAGES)
    if any(parent is not None and parent not in parents for parent in parents.values()):
        raise AssistantError("import.invalid_tree")
    children: dict[str | None, list[str]] = defaultdict(list)
    for key, parent in parents.items():
        children[parent].append(key)
    for parent, listed in siblings.items():
        place = {key: index for index, key in enumerate(listed)}
        children[parent].sort(key=lambda key: place.get(key, len(place)))
    ordered: list[str] = []
    todo = children[None][::-1]
    while todo:
        ordered.append(todo.pop())
        todo += reversed(children[ordered[-1]])
    if len(ordered) < len(parents):  # what no root leads to
        raise AssistantError("import.invalid_tree")
    return ordered
