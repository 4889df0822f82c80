"""How one conversation is answered and whether it may be learned from: what its owner set, and the change of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from assistant.adapters.registry import is_choosable
from assistant.chat import consent, queries, sampling, stream
from assistant.chat.consent import TrainingUse
from assistant.chat.models import Conversation
from assistant.chat.texts import checked
from assistant.errors import AssistantError
from inference.contract import SamplingParams


@dataclass(frozen=True, slots=True)
class SettingsView:
    """`sampling` holds only what differs from `defaults`."""

    model_choice: str
    system_message: str
    default_system_message: str
    sampling: dict[str, Any]
    defaults: SamplingParams
    training_use: TrainingUse


def settings_of(person_id: UUID, conversation_id: UUID) -> SettingsView:
    conversation = queries.conversation_of(person_id, conversation_id)
    return SettingsView(
        model_choice=conversation.model_choice,
        system_message=conversation.system_message,
        default_system_message=settings.SYSTEM_MESSAGE,
        sampling=conversation.sampling,
        defaults=sampling.defaults(),
        training_use=consent.training_use(conversation, conversation.owner),
    )


@transaction.atomic
def change_settings(
    person_id: UUID,
    conversation_id: UUID,
    *,
    model_choice: str | None = None,
    system_message: str | None = None,
    sampling_changes: Mapping[str, Any] | None = None,
    is_training_allowed: bool | None = None,
) -> None:
    """Change what is given and leave the rest, from the next reply on. `sampling_changes` takes the place of all
    earlier ones; an empty system message brings the product's back. Raises conversation.not_found,
    adapter.not_available, message.*, sampling.*, consent.*"""
    conversation = queries.conversation_of(person_id, conversation_id)
    person = conversation.owner
    changes: dict[str, object] = {}
    if model_choice is not None:
        if not is_choosable(person, model_choice, queries.loaded_base_model()):
            raise AssistantError("adapter.not_available")
        changes["model_choice"] = model_choice
    if system_message is not None:
        changes["system_message"] = checked(system_message) if system_message.strip() else ""
    if sampling_changes is not None:
        changes["sampling"] = sampling.checked(sampling_changes)
    if is_training_allowed is not None:
        changes["training_consent_at"] = consent.changed(conversation, person, is_training_allowed)
    if changes:
        Conversation.objects.filter(pk=conversation.pk).update(**changes)
        transaction.on_commit(lambda: stream.hint(conversation.owner_id, conversation.id))
