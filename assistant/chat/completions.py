"""Replies for programs, which send the whole of what was said each time and keep no conversation of ours.

The conversation that they go on from is looked for among the newest, so that one talk is one conversation here too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from uuid_utils.compat import uuid7

from assistant.accounts.models import Person
from assistant.chat import actions, consent, copying, sampling, search
from assistant.chat.actions import Accepted
from assistant.chat.branches import path_to
from assistant.chat.copying import CopiedMessage
from assistant.chat.models import Conversation, Generation, Message
from assistant.chat.texts import checked, storable, title_of
from assistant.errors import AssistantError

# Among so many of a person's conversations the one that goes on is looked for.
RECENT = 50


@dataclass(frozen=True, slots=True)
class Said:
    role: Literal["user", "assistant"]
    text: str


@transaction.atomic
def complete(
    person_id: UUID,
    said: Sequence[Said],
    *,
    system_message: str = "",
    sampling_changes: Mapping[str, Any],
    model_choice: str,
    is_temporary: bool = False,
    replies: int = 1,
) -> list[Accepted]:
    """Store the last of what was said as a message and ask for its reply; what stands before it is the conversation
    that is gone on with, or the beginning of a new one. `max_tokens` beyond what is allowed here counts as that. Of
    several `replies` each has the seed after that of the one before it. Raises message.*, sampling.invalid,
    conversation.busy, generation.too_many."""
    if not said or said[-1].role != "user":
        raise AssistantError("message.no_question")
    question = checked(said[-1].text)
    before = [Said(each.role, storable(each.text)) for each in said[:-1] if each.text]
    system_message = checked(system_message) if system_message.strip() else ""
    chosen = dict(sampling_changes)
    if chosen.get("max_tokens") is not None:
        chosen["max_tokens"] = min(chosen["max_tokens"], settings.MAX_REPLY_TOKENS)
    once = sampling.checked(chosen, sampling.ONCE)
    chosen = sampling.checked(chosen)
    person = actions.lock_person(person_id)
    conversation = _going_on(person, before, system_message, is_temporary)
    if conversation is None:
        title = "" if is_temporary else title_of(before[0].text if before and before[0].text.strip() else question)
        conversation = _begun(person, before, system_message, is_temporary, title)
    Conversation.objects.filter(pk=conversation.pk).update(sampling=chosen, model_choice=model_choice)
    # No model writes an approved answer: it has no probabilities and the format that it has, and there is but one.
    is_for_model = replies > 1 or "logprobs" in once or "format" in once
    first = actions.send_message(
        person.id,
        client_message_id=uuid7(),
        conversation_id=conversation.pk,
        parent_id=conversation.head_id,
        text=question,
        once=once,
        uses_approved_answers=not is_for_model,
        replies=replies,
    )
    seed = chosen.get("seed")
    seeds: list[dict[str, Any]] = [{} if seed is None else {"seed": seed + number} for number in range(1, replies)]
    return [first, *(actions.ask_beside(first, once={**once, **own}) for own in seeds)]


def _going_on(person: Person, before: list[Said], system_message: str, is_temporary: bool) -> Conversation | None:
    """The newest that consists of just this and in which nothing is being written."""
    if not before or before[-1].role != "assistant":
        return None
    rows = Conversation.objects.filter(owner=person, deleted_at=None, is_temporary=is_temporary)
    recent = rows.order_by("-updated_at").values("pk")[:RECENT]
    alike = Conversation.objects.filter(pk__in=recent, system_message=system_message, head__text=before[-1].text)
    for conversation in alike.select_related("head").order_by("-updated_at"):
        assert conversation.head is not None
        path = [Said(_role(message), message.text) for message in path_to(conversation.head) if message.text]
        is_idle = not conversation.generations.filter(state__in=Generation.ACTIVE).exists()
        if path == before and is_idle:
            return conversation
    return None


def _begun(person: Person, before: list[Said], system_message: str, is_temporary: bool, title: str) -> Conversation:
    conversation = Conversation.objects.create(
        owner=person,
        title=title,
        is_temporary=is_temporary,
        system_message=system_message,
        training_consent_at=None if is_temporary else consent.of_new_conversation(person),
    )
    if before:
        copied = [
            CopiedMessage(number, number - 1 if number else None, each.role, each.text, None)
            for number, each in enumerate(before)
        ]
        copying.add_messages(conversation, copied, None)
    else:
        search.index_title(conversation)
    return conversation


def _role(message: Message) -> Literal["user", "assistant"]:
    return "user" if message.role == Message.Role.USER else "assistant"
