"""Hears what workers make of replies in conversations of the desk."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from assistant.chat import queries
from assistant.chat.models import Conversation, Generation, Message
from assistant.chat.signals import answered, erasing, settled
from assistant.desk import events, handoff, messages, rules
from assistant.desk.models import Attachment, Case, HandoffEvent

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
    if state == Generation.State.FAILED and rules.hands_over_when_failed(site):
        handoff.ask_for_person(conversation.pk, UNSURE)


@receiver(settled)
def hand_over_when_unsure(sender: object, *, generation: Generation, **_: Any) -> None:
    """Before a word of a reply is written: where no approved answer is near it becomes a draft for the person."""
    site = generation.conversation.site
    if site is None or generation.reply.is_draft or generation.knowledge != Generation.Knowledge.NONE:
        return
    if rules.hands_over_when_nothing_is_near(site):
        handoff.ask_for_person(generation.conversation_id, UNSURE)


@receiver(erasing)
def let_go_of_visitors(sender: object, *, person_id: UUID | None = None, **_: Any) -> None:
    """An agent who is erased leaves the conversations of others whole, without their name, and to somebody else."""
    if person_id is None:
        return
    said = Message.including_drafts.filter(author=person_id, role=Message.Role.AGENT)
    said.update(author=None, client_message_id=None)
    files = Attachment.objects.filter(uploader=person_id, message__isnull=False)
    files.exclude(conversation__owner=person_id).update(uploader=None)
    with_them = Case.objects.filter(assignee=person_id, mode=Conversation.Mode.PERSON)
    for conversation_id in with_them.order_by("pk").values_list("pk", flat=True):
        handoff.put_back(queries.locked(conversation_id), None)
