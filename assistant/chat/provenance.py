"""What wrote a reply, from its generation's row: enough to explain it, and to write it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from assistant.chat import queries
from assistant.errors import AssistantError


@dataclass(frozen=True, slots=True)
class Provenance:
    base_model: str
    base_model_sha256: str
    adapter: str
    adapter_sha256: str
    sampling: dict[str, Any]
    chat_template_sha256: str
    prompt_sha256: str
    prompt_tokens: int | None
    dropped_messages: int
    knowledge: str
    completion_tokens: int
    attempts: int
    created_at: datetime
    started_at: datetime | None
    first_token_at: datetime | None
    finished_at: datetime | None


def provenance_of(person_id: UUID, message_id: UUID) -> Provenance:
    """Raises message.not_found, message.not_a_reply."""
    generation = getattr(queries.message_of(person_id, message_id), "generation", None)
    if generation is None:
        raise AssistantError("message.not_a_reply")
    own = {name: getattr(generation, name) for name in Provenance.__slots__ if not name.startswith("adapter")}
    adapter = generation.adapter
    return Provenance(**own, adapter=adapter.name if adapter else "", adapter_sha256=adapter.sha256 if adapter else "")
