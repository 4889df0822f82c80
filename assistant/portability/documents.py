"""What a person takes along, as plain values for JSON. docs/data.md describes them; readers ignore unknown fields."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from assistant.accounts.models import Person
from assistant.chat.models import Conversation, Folder, Generation, Message
from assistant.feedback.models import Comparison, Feedback, FeedbackEvent, Review
from assistant.finetuning.models import Example
from assistant.knowledge.models import Passage
from assistant.outcomes.models import AskedAgain
from assistant.portability import attached
from assistant.sharing.models import ShareLink

FORMAT = "parley.conversation"
VERSION = 1

_PROVENANCE = (
    *("state", "finish_reason", "error_code", "base_model", "base_model_sha256", "sampling", "chat_template_sha256"),
    *("prompt_sha256", "prompt_tokens", "dropped_messages", "knowledge", "completion_tokens", "text_sha256"),
    *("created_at", "started_at", "first_token_at", "finished_at"),
)
_EVENT = ("kind", "verb", "message_id", "other_id", "value", "reasons", "text_sha256", "training_use", "at")
_EXAMPLE = (
    *("kind", "prompt", "completion", "chosen", "rejected", "label", "source", "message_id", "status", "why"),
    *("redactions", "created_at"),
)
_FEEDBACK = ("rating", "reasons", "comment", "correction", "created_at", "updated_at")


def conversation(person_id: UUID, row: Conversation) -> dict[str, Any]:
    """A conversation with all its branches, how each reply was made, and what this person said about it."""
    messages = (
        row.messages.order_by("id").select_related("generation__adapter").prefetch_related("feedback", "attachments")
    )
    return {
        "format": FORMAT,
        "v": VERSION,
        "id": row.id,
        "title": row.title,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "is_pinned": row.pinned_at is not None,
        "is_archived": row.archived_at is not None,
        "folder": row.folder.name if row.folder else None,
        "forked_from": row.forked_from_id,
        "training_consent_at": row.training_consent_at,
        "system_message": row.system_message,
        "sampling": row.sampling,
        "model_choice": row.model_choice,
        "head_id": row.head_id,
        "messages": [_message(person_id, message) for message in messages],
    }


def person(row: Person) -> dict[str, Any]:
    return {
        **_fields(row, "id", "email", "name", "role", "is_guest", "date_joined", "training_consent_at", "preferences"),
        "v": VERSION,
    }


def folders(person_id: UUID) -> dict[str, Any]:
    rows = Folder.objects.filter(owner_id=person_id).order_by("id")
    return {"v": VERSION, "folders": [_fields(row, "id", "name", "created_at") for row in rows]}


def share_links(person_id: UUID) -> dict[str, Any]:
    rows = ShareLink.objects.filter(conversation__owner_id=person_id, conversation__deleted_at=None).order_by("id")
    fields = ("conversation_id", "token", "audience", "created_at", "snapshot_at", "snapshot")
    return {"v": VERSION, "share_links": [_fields(row, *fields) for row in rows]}


def comparisons(person_id: UUID) -> dict[str, Any]:
    rows = Comparison.objects.filter(
        person_id=person_id, left__conversation__is_temporary=False, left__conversation__deleted_at=None
    ).order_by("id")
    fields = ("left_id", "right_id", "verdict", "created_at", "updated_at")
    return {"v": VERSION, "comparisons": [_fields(row, *fields) for row in rows]}


def learning(person_id: UUID) -> dict[str, Any]:
    """What this person's feedback became: its events, what was decided, the examples, the snapshots these are in."""
    # Not what somebody of the desk said about replies to others: that is about their conversations.
    kept = {"conversation__is_temporary": False, "conversation__deleted_at": None, "conversation__owner_id": person_id}
    events = FeedbackEvent.objects.filter(rater_id=person_id, **kept).order_by("id")
    reviews = Review.objects.filter(person_id=person_id, **kept).order_by("id")
    examples = Example.objects.filter(person_id=person_id, **kept).order_by("id").prefetch_related("snapshot_items")
    asked = AskedAgain.objects.filter(
        message__conversation__owner_id=person_id, message__conversation__deleted_at=None, message__is_draft=False
    ).order_by("id")
    return {
        "v": VERSION,
        "events": [_fields(row, *_EVENT) for row in events],
        "reviews": [_fields(row, "message_id", "state", "answer", "created_at", "decided_at") for row in reviews],
        "approved_answers": [
            _fields(row, "question", "answer", "created_at", "retired_at")
            for row in Passage.objects.filter(person_id=person_id, **kept).order_by("id")
        ],
        "examples": [
            {**_fields(row, *_EXAMPLE), "snapshots": [item.snapshot_id for item in row.snapshot_items.all()]}
            for row in examples
        ],
        "asked_again": [_fields(row, "message_id", "text", "measured", "judged", "finished_at") for row in asked],
    }


def _message(person_id: UUID, row: Message) -> dict[str, Any]:
    generation: Generation | None = getattr(row, "generation", None)
    own: list[Feedback] = [feedback for feedback in row.feedback.all() if feedback.person_id == person_id]
    return {
        **_fields(row, "id", "parent_id", "role", "text", "created_at", "edited_at"),
        "generation": generation
        and {
            **_fields(generation, *_PROVENANCE),
            "adapter_sha256": generation.adapter.sha256 if generation.adapter else None,
        },
        "feedback": _fields(own[0], *_FEEDBACK) if own else None,
        "files": [attached.document(file) for file in sorted(row.attachments.all(), key=lambda file: file.pk)],
    }


def _fields(row: object, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
