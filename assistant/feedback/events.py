"""Writes down that feedback came about: one event per thing that was said, in the transaction that stores it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from assistant.chat.consent import training_use
from assistant.chat.models import Generation, Message
from assistant.feedback.models import FeedbackEvent
from assistant.metrics import counts
from assistant.metrics.catalog import FEEDBACK

Kind, Verb = FeedbackEvent.Kind, FeedbackEvent.Verb


def record(
    kind: FeedbackEvent.Kind,
    verb: FeedbackEvent.Verb,
    rater_id: UUID,
    message: Message,
    *,
    value: str = "",
    reasons: Sequence[str] = (),
    text: str = "",
    other: Message | None = None,
) -> FeedbackEvent:
    """Store an event with what wrote the message and what its owner allows at this moment."""
    generation: Generation | None = getattr(message, "generation", None)
    adapter = generation.adapter if generation else None
    conversation = message.conversation
    transaction.on_commit(lambda: counts.count(FEEDBACK, kind, verb, value))
    return FeedbackEvent.objects.create(
        kind=kind,
        verb=verb,
        rater_id=rater_id,
        conversation=conversation,
        message=message,
        other=other,
        value=value,
        reasons=list(reasons),
        text_sha256=hashlib.sha256(text.encode()).hexdigest() if text else "",
        base_model_sha256=generation.base_model_sha256 if generation else "",
        adapter_sha256=adapter.sha256 if adapter else "",
        sampling=generation.sampling if generation else {},
        prompt_sha256=generation.prompt_sha256 if generation else "",
        training_use=training_use(conversation, conversation.owner),
    )


def verb_from(before: object, after: object) -> FeedbackEvent.Verb | None:
    """What has happened to a thing that was and is said; None: nothing."""
    if before == after:
        return None
    if not before:
        return Verb.GIVEN
    return Verb.CHANGED if after else Verb.WITHDRAWN
