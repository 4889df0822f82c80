"""How one conversation is answered, and whether it may be learned from."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from assistant.chat import conversation_settings
from assistant.chat.consent import TrainingUse
from assistant.chat.conversation_settings import SettingsView
from webui.api.core import person_of

router = Router()

# The largest whole number that JavaScript keeps exact.
Seed = Annotated[int, Field(ge=0, le=2**53 - 1)]


class Sampling(Schema):
    """Null: the default."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    max_tokens: int | None = None
    seed: Seed | None = None


class SettingsIn(Schema):
    """What is left out stays as it is; `sampling` is taken as a whole."""

    model_choice: str | None = None
    system_message: str | None = None
    sampling: Sampling | None = None
    is_training_allowed: bool | None = None


class SettingsOut(Schema):
    model_choice: str
    system_message: str
    default_system_message: str
    sampling: Sampling
    defaults: Sampling
    training_use: TrainingUse


@router.get("/conversations/{uuid:conversation_id}/settings", response=SettingsOut)
def read_settings(request: HttpRequest, conversation_id: UUID) -> SettingsView:
    return conversation_settings.settings_of(person_of(request).id, conversation_id)


@router.patch("/conversations/{uuid:conversation_id}/settings", response={204: None})
def change_settings(request: HttpRequest, conversation_id: UUID, body: SettingsIn) -> Status[None]:
    conversation_settings.change_settings(
        person_of(request).id,
        conversation_id,
        model_choice=body.model_choice,
        system_message=body.system_message,
        sampling_changes=body.sampling.dict() if body.sampling else None,
        is_training_allowed=body.is_training_allowed,
    )
    return Status(204, None)
