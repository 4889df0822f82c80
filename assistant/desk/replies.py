"""Hears what workers make of replies in conversations of the desk."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from assistant.chat.models import Conversation, Generation, Message
from assistant.chat.signals import answered, erasing, settled
from assistant.desk import events, handoff, messages, rules
from assistant.desk.models import Case, HandoffEvent

UNSURE = HandoffEvent.Reason.UNSURE


@receiver(answered)
def note_reply(sender: object, *, conversation: Conversation, message: Message, state: str, **_: Any) -> None:
    """In the transaction that ends a reply. A failed one leaves the visitor without an answer: a person gives it, where
    the site wants that."""
    site = conversation.site
    if site is None:
        return
    if message.is_draft:
        events.hint(Case.objects.select_related("site__team").get(pk=conversation.pk))
        return
    if message.text:
        messages.announce(conversation, message.pk, Message.Role.ASSISTANT, message.text)
    if state == Generation.State.FAILED and rules.hands_over_when_unsure(site):
        handoff.ask_for_person(conversation.pk, UNSURE)


@receiver(settled)
def hand_over_when_unsure(sender: object, *, generation: Generation, **_: Any) -> None:
    """Before a word of a reply is written: where no approved answer is near it becomes a draft for the person."""
    site = generation.conversation.site
    if site is None or generation.reply.is_draft or generation.knowledge != Generation.Knowledge.NONE:
        return
    if rules.hands_over_when_unsure(site):
        handoff.ask_for_person(generation.conversation_id, UNSURE)


@receiver(erasing)
def keep_what_visitors_were_told(sender: object, *, person_id: Any = None, **_: Any) -> None:
    """An agent who is erased leaves the conversations of others whole, without their name."""
    if person_id is not None:
        said = Message.including_drafts.filter(author=person_id, role=Message.Role.AGENT)
        said.update(author=None, client_message_id=None)
