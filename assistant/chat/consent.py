"""Whether a conversation may be learned from. Two keys turn together: the owner's general consent, and the
conversation's own (docs/decisions/0004-answers.md). Examples ask here and nowhere else."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.utils import timezone

from assistant.accounts.models import Person
from assistant.chat.models import Conversation
from assistant.errors import AssistantError

TrainingUse = Literal["allowed", "excluded", "not_consented", "temporary"]


def training_use(conversation: Conversation, owner: Person) -> TrainingUse:
    """`excluded`: by this conversation's own switch; `not_consented`: by the owner in general."""
    if conversation.is_temporary:
        return "temporary"
    if owner.training_consent_at is None:
        return "not_consented"
    return "allowed" if conversation.training_consent_at else "excluded"


def of_new_conversation(owner: Person) -> datetime | None:
    """What is begun under general consent comes under it; what was begun before stays as it was."""
    return timezone.now() if owner.training_consent_at else None


def changed(conversation: Conversation, owner: Person, is_given: bool) -> datetime | None:
    """When consent was given, None once it is withdrawn. Raises consent.temporary, consent.not_given."""
    if not is_given:
        return None
    if conversation.is_temporary:
        raise AssistantError("consent.temporary")
    if owner.training_consent_at is None:
        raise AssistantError("consent.not_given")
    return conversation.training_consent_at or timezone.now()
