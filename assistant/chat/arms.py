"""Which adapter writes a conversation's next reply: a person's own choice, else the canary's arm, else the live one.

A conversation is given its arm with its first reply and keeps it, so that no two versions answer in one conversation;
one that was begun before the canary stays out of it.
"""

from __future__ import annotations

from assistant.accounts.models import Person
from assistant.adapters import registry
from assistant.adapters.models import Adapter
from assistant.adapters.registry import AUTOMATIC, Arm, Canary
from assistant.chat.models import Conversation


def adapter_for(person: Person, conversation: Conversation, choice: str, base_model_sha256: str) -> Adapter | None:
    """Sets the conversation's `rollout` and `arm` where it comes under a canary; the caller saves them."""
    # What a site answers with was chosen by those who judge adapters, for all its visitors.
    if conversation.site_id and (chosen := registry.named(choice, base_model_sha256)):
        return chosen
    if not registry.is_automatic(person, choice, base_model_sha256):
        return registry.adapter_for_new_reply(person, choice, base_model_sha256)
    canary = registry.canary(base_model_sha256)
    if canary and _arm_in(canary, person, conversation) == Arm.CANDIDATE:
        return canary.adapter
    return registry.adapter_for_new_reply(person, AUTOMATIC, base_model_sha256)


def _arm_in(canary: Canary, person: Person, conversation: Conversation) -> str:
    if conversation.rollout_id != canary.rollout_id and not conversation.generations.exists():
        conversation.rollout_id, conversation.arm = canary.rollout_id, canary.arm_of(person.id)
    return conversation.arm if conversation.rollout_id == canary.rollout_id else ""
