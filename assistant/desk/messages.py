"""What is said in a conversation of the desk, by the visitor and by agents. Drafts are in drafts.py."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from assistant.accounts.models import Person
from assistant.chat import actions, consent, queries, search
from assistant.chat.actions import Accepted
from assistant.chat.models import Conversation, Message
from assistant.chat.texts import checked, title_of
from assistant.desk import access, events, handoff, proposals, rules
from assistant.desk.models import Attachment, Case, CaseRead, Visitor
from assistant.errors import AssistantError

Mode = Conversation.Mode
PREVIEW_CHARS = 200
PAGE_CHARS = 2000


@transaction.atomic
def say(
    visitor_person_id: UUID,
    *,
    client_message_id: UUID,
    conversation_id: UUID | None,
    text: str,
    attachment_ids: Collection[UUID] = (),
    page: str = "",
) -> Accepted:
    """Store a visitor's message, once per `client_message_id`, and have it answered by whoever's turn it is. Without
    `conversation_id` it begins one as the site answers them; one that was resolved opens again. `page`: where the
    visitor is. Raises desk.site_not_found, desk.site_disabled, attachment.not_found, conversation.*, message.*,
    generation.too_many."""
    person = actions.lock_person(visitor_person_id)
    if before := actions.stored(person, client_message_id):
        return before
    visitor = Visitor.objects.select_related("site__team").filter(pk=person.pk).first()
    if visitor is None:
        raise AssistantError("desk.site_not_found")
    if not visitor.site.is_enabled:
        raise AssistantError("desk.site_disabled")
    text, page = checked(text), page[:PAGE_CHARS]
    if conversation_id is None:
        conversation = _begun(person, visitor, text, page)
    else:
        conversation = queries.locked_conversation_of(person.pk, conversation_id)
    if conversation.mode == Mode.RESOLVED:
        handoff.reopen(conversation)
    is_for_assistant = conversation.mode == Mode.ASSISTANT
    reason = rules.reason_to_hand_over(visitor.site, text) if is_for_assistant else None
    accepted = actions.send_message(
        person.pk,
        client_message_id=client_message_id,
        conversation_id=conversation.pk,
        parent_id=conversation.head_id,
        text=text,
        wants_reply=reason is None,
    )
    _attach(attachment_ids, person.pk, conversation, accepted.message_id)
    changes: dict[str, object] = {"snoozed_until": None, **({"page": page} if page else {})}
    if conversation.mode in (Mode.WAITING, Mode.PERSON):
        changes["waiting_since"] = Coalesce("waiting_since", Value(timezone.now()))
    announce(conversation, accepted.message_id, Message.Role.USER, text, **changes)
    if page:
        Visitor.objects.filter(pk=visitor.pk).update(last_page=page)
    if reason:
        handoff.ask_for_person(conversation.pk, reason)
    return accepted


@transaction.atomic
def reply(
    agent_id: UUID,
    *,
    client_message_id: UUID,
    conversation_id: UUID,
    text: str,
    draft_id: UUID | None = None,
    attachment_ids: Collection[UUID] = (),
) -> Message:
    """Store an agent's message, once per `client_message_id`; who answers what nobody has, has taken it. `draft_id`:
    the draft that it was made from. Raises desk.not_found, attachment.not_found, message.*"""
    case = access.case_of(agent_id, conversation_id)
    conversation = queries.locked(conversation_id)
    if before := Message.objects.filter(author=agent_id, client_message_id=client_message_id).first():
        return before
    text = checked(text)
    if conversation.mode != Mode.PERSON:
        handoff.take(agent_id, conversation_id)
        conversation.refresh_from_db()
    answered = conversation.head
    message = Message.objects.create(
        conversation=conversation,
        parent=answered,
        role=Message.Role.AGENT,
        author_id=agent_id,
        client_message_id=client_message_id,
        text=text,
    )
    search.index_messages([message])
    now = timezone.now()
    conversation.head, conversation.answered_at = message, now
    conversation.save(update_fields=["head", "answered_at", "updated_at"])
    _attach(attachment_ids, agent_id, conversation, message.pk)
    answers = {"waiting_since": None, "first_reply_at": Coalesce("first_reply_at", Value(now))}
    announce(conversation, message.pk, Message.Role.AGENT, text, **answers)
    CaseRead.objects.update_or_create(case=case, agent_id=agent_id, defaults={"read_at": timezone.now()})
    if not attachment_ids:  # what says "see the picture" is no answer for a model that sends none
        proposals.propose(agent_id, case, answered, message, draft_id)
    return message


def announce(conversation: Conversation, message_id: UUID, role: str, text: str, **of_case: object) -> None:
    """Let the list of cases, the pages and the webhooks know of a message that was stored."""
    preview = " ".join(text.split())[:PREVIEW_CHARS]
    # Not the database's clock, which on SQLite has fewer digits than what pages of the list are compared with.
    Case.objects.filter(pk=conversation.pk).update(preview=preview, last_message_at=timezone.now(), **of_case)
    case = Case.objects.select_related("site__team").get(pk=conversation.pk)
    events.happened(case, "message.created", {"message_id": str(message_id), "role": role, "text": text})


def _begun(person: Person, visitor: Visitor, text: str, page: str) -> Conversation:
    site = visitor.site
    conversation = Conversation.objects.create(
        owner=person,
        title=title_of(text),
        site=site,
        system_message=site.system_message,
        model_choice=site.model_choice,
        training_consent_at=consent.of_new_conversation(person),
    )
    search.index_title(conversation)
    case = Case.objects.create(conversation=conversation, site=site, visitor=visitor, page=page)
    events.happened(case, "conversation.created", {"page": page})
    return conversation


def _attach(ids: Collection[UUID], uploader_id: UUID, conversation: Conversation, message_id: UUID) -> None:
    own = Attachment.objects.filter(pk__in=ids, uploader=uploader_id, conversation=conversation, message=None)
    if ids and own.update(message=message_id) != len(set(ids)):
        raise AssistantError("attachment.not_found")
