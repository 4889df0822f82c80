"""Writes about conversations. Each is one transaction; Celery and Redis hear of it after the commit, and losing
that message costs only time, because workers look at the database by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from assistant.accounts.models import Person
from assistant.adapters.registry import AUTOMATIC, is_choosable
from assistant.chat import arms, branches, consent, queries, sampling, search, stream
from assistant.chat.models import Conversation, Generation, Message
from assistant.chat.tasks import wake_workers
from assistant.chat.texts import checked, title_of
from assistant.errors import AssistantError
from assistant.metrics import counts
from assistant.metrics.catalog import REPLIES

# When a full queue is worth another try: some of it has been written by then.
QUEUE_FULL_RETRY_S = 10


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a request for a reply; asking again with the same `client_message_id` gives the same. No reply and
    no generation where a person of the desk answers."""

    client_message_id: UUID | None
    conversation_id: UUID
    message_id: UUID
    reply_id: UUID | None
    generation_id: UUID | None


@transaction.atomic
def send_message(
    person_id: UUID,
    *,
    client_message_id: UUID,
    conversation_id: UUID | None,
    parent_id: UUID | None,
    text: str,
    model_choice: str = AUTOMATIC,
    is_temporary: bool = False,
    wants_reply: bool = True,
    once: Mapping[str, Any] | None = None,
    uses_approved_answers: bool = True,
    replies: int = 1,
) -> Accepted:
    """Store a user message, an empty reply and its queued generation, once per `client_message_id`; the message alone
    where a person answers, or shall (`wants_reply` False).

    `conversation_id` None begins a conversation, which `model_choice` answers, a temporary one if asked for.
    `parent_id` is the reply the message follows, None its beginning; a parent that has been answered before makes a
    new branch. `once` is sampling of this reply alone. Of `replies` that shall come of it this is the first, for the
    others see `ask_beside`. Raises AssistantError message.*, conversation.*, generation.too_many,
    generation.queue_full.
    """
    person = lock_person(person_id)
    if before := stored(person, client_message_id):
        return before
    text = checked(text)
    _refuse_too_many_replies(person, replies)
    if conversation_id is None:
        conversation = Conversation.objects.create(
            owner=person,
            title="" if is_temporary else title_of(text),  # what is not to be kept gets no title that quotes it
            is_temporary=is_temporary,
            model_choice=model_choice if is_choosable(person, model_choice, queries.loaded_base_model()) else AUTOMATIC,
            training_consent_at=None if is_temporary else consent.of_new_conversation(person),
        )
        search.index_title(conversation)
    else:
        conversation = queries.locked_conversation_of(person.id, conversation_id)
    parent = None
    if parent_id is not None:
        # Where persons answer too, somebody may say several things in a row.
        may_follow = conversation.messages.exclude(role=Message.Role.SYSTEM)
        if conversation.site_id is None:
            may_follow = conversation.messages.filter(role=Message.Role.ASSISTANT)
        parent = may_follow.filter(pk=parent_id).first()
        if parent is None:
            raise AssistantError("message.invalid_parent")
    if conversation_id is not None:
        _refuse_when_answering(conversation)
    message = Message.objects.create(
        conversation=conversation,
        parent=parent,
        role=Message.Role.USER,
        author=person,
        client_message_id=client_message_id,
        text=text,
    )
    search.index_messages([message])
    if conversation.mode == Conversation.Mode.ASSISTANT and wants_reply:
        generation = ask_for_reply(
            person, conversation, message, once=once, uses_approved_answers=uses_approved_answers
        )
        return accepted(message, generation, client_message_id)
    conversation.head = message
    conversation.save(update_fields=["head", "updated_at"])
    transaction.on_commit(lambda: stream.hint(conversation.owner_id, conversation.id))
    return accepted(message, None, client_message_id)


@transaction.atomic
def ask_beside(first: Accepted, *, once: Mapping[str, Any] | None = None) -> Accepted:
    """Have another reply written beside the one that was just accepted, which stays the one that is shown first.
    Approved answers are not looked up for it."""
    message = Message.objects.select_related("conversation__owner").get(pk=first.message_id)
    conversation = message.conversation
    generation = ask_for_reply(conversation.owner, conversation, message, once=once, uses_approved_answers=False)
    Conversation.objects.filter(pk=conversation.pk).update(head_id=first.reply_id)
    return accepted(message, generation, first.client_message_id)


@transaction.atomic
def regenerate(
    person_id: UUID, message_id: UUID, model_choice: str | None = None, *, uses_approved_answers: bool = True
) -> Accepted:
    """Ask for another reply beside this one, which stays; `model_choice` None is the conversation's own. Beside an
    approved answer the model writes, with that in view unless it shall not. While a reply is being written for the same
    turn, that one is returned, so that a double click asks once."""
    person = lock_person(person_id)
    reply = queries.message_of(person.id, message_id)
    if reply.role != Message.Role.ASSISTANT or reply.parent is None:
        raise AssistantError("message.not_a_reply")
    conversation = queries.locked_conversation_of(person.id, reply.conversation_id)
    if conversation.mode != Conversation.Mode.ASSISTANT:
        raise AssistantError("conversation.with_person")
    running = _answering(reply__parent=reply.parent).first()
    if running:
        return accepted(reply.parent, running, client_message_id=None)
    _refuse_when_answering(conversation)
    _refuse_too_many_replies(person)
    generation = ask_for_reply(
        person,
        conversation,
        reply.parent,
        model_choice=model_choice,
        uses_approved_answers=uses_approved_answers,
    )
    return accepted(reply.parent, generation, client_message_id=None)


@transaction.atomic
def edit_message(person_id: UUID, message_id: UUID, text: str) -> None:
    """Put another text in the place of one's own message, whose replies stay. They were written from the earlier text:
    their `prompt_sha256` says so. Not while the assistant answers: a worker that takes the reply over would go on from
    another prompt. Raises message.*, conversation.busy."""
    person = lock_person(person_id)
    message = queries.message_of(person.id, message_id)
    if message.role != Message.Role.USER or message.author_id != person.id:
        raise AssistantError("message.not_editable")
    text = checked(text)
    _refuse_when_answering(message.conversation)
    if text == message.text:
        return
    Message.objects.filter(pk=message.pk).update(text=text, edited_at=Now())
    message.text = text
    search.index_messages([message])
    transaction.on_commit(lambda: stream.hint(person.id, message.conversation_id))


@transaction.atomic
def stop_generation(person_id: UUID, generation_id: UUID) -> None:
    """Ask for the end of a reply; what has been written is kept. One that has ended already stays as it is."""
    ask_to_stop(queries.generation_of(person_id, generation_id))


@transaction.atomic
def ask_to_stop(generation: Generation) -> None:
    """`stop_generation`, where it is known already who may do so."""
    Generation.objects.filter(pk=generation.pk, cancel_requested_at=None).update(cancel_requested_at=Now())
    # What no worker has touched can be ended here, so that Stop works when no worker is there at all.
    untouched = Generation.objects.filter(pk=generation.pk, state=Generation.State.QUEUED, attempts=0)
    if untouched.update(
        state=Generation.State.CANCELLED,
        finish_reason="cancelled",
        text_sha256=stream.text_sha256(""),
        finished_at=Now(),
    ):
        transaction.on_commit(lambda: counts.count(REPLIES, Generation.State.CANCELLED, "cancelled"))
    transaction.on_commit(lambda: wake_workers(generation.id))


@transaction.atomic
def look_at_branch(person_id: UUID, conversation_id: UUID, message_id: UUID) -> None:
    """Show the branch that runs through this message: its newest leaf becomes the conversation's head. Nothing
    changes where the message is shown already."""
    conversation = queries.locked_conversation_of(person_id, conversation_id)
    children, head_id = branches.tree_of(conversation)
    parents = {child: parent for parent, siblings in children.items() for child in siblings}
    if message_id not in parents:
        raise AssistantError("message.not_found")
    step = head_id
    while step is not None:
        if step == message_id:
            return
        step = parents[step]
    leaf = branches.newest_leaf(children, message_id)
    Conversation.objects.filter(pk=conversation.pk).update(head_id=leaf)
    transaction.on_commit(lambda: stream.hint(person_id, conversation_id))


def lock_person(person_id: UUID) -> Person:
    """Let one person's writes happen one after the other; 50 equal submits at once then find the first one's row.
    Raises person.not_signed_in."""
    # Rows that merely name the person may be added by others meanwhile: a worker that commits a reply of theirs holds
    # the conversation, and must not wait here for somebody who waits for that.
    rows = Person.objects.select_for_update(no_key=True)
    person = rows.filter(pk=person_id, is_active=True).first()
    if person is None:
        raise AssistantError("person.not_signed_in")
    return person


def stored(person: Person, client_message_id: UUID) -> Accepted | None:
    """What became of a message that has been sent before."""
    message = Message.objects.filter(author=person, client_message_id=client_message_id).first()
    if message is None:
        return None
    first = Generation.objects.filter(reply__parent=message, reply__is_draft=False).order_by("id").first()
    return accepted(message, first, client_message_id)


def _answering(**of: Any) -> QuerySet[Generation]:
    """The replies being written that their reader waits for: not what only the desk sees."""
    return Generation.objects.filter(state__in=Generation.ACTIVE, reply__is_draft=False, **of)


def _refuse_when_answering(conversation: Conversation) -> None:
    if _answering(conversation=conversation).exists():
        raise AssistantError("conversation.busy")


def _refuse_too_many_replies(person: Person, wanted: int = 1) -> None:
    """Looked at under the person's lock, so that many tabs at once cannot slip through together."""
    if not settings.LIMITS:
        return
    running = _answering(conversation__owner=person).count()
    if running + wanted > settings.RUNNING_REPLIES_PER_PERSON:
        raise AssistantError("generation.too_many", limit=settings.RUNNING_REPLIES_PER_PERSON)
    # Not under a lock of all people: some who ask in the same moment may get in beside each other.
    waiting = Generation.objects.filter(state=Generation.State.QUEUED)[: settings.WAITING_REPLIES].count()
    if waiting + wanted > settings.WAITING_REPLIES:
        raise AssistantError("generation.queue_full", retry_after_s=QUEUE_FULL_RETRY_S)


def ask_for_reply(
    person: Person,
    conversation: Conversation,
    message: Message,
    *,
    model_choice: str | None = None,
    once: Mapping[str, Any] | None = None,
    uses_approved_answers: bool = True,
    is_draft: bool = False,
) -> Generation:
    """Queue a reply to a message of `person`, whose conversation is locked. A draft changes nothing that they see."""
    reply = Message.objects.create(
        conversation=conversation, parent=message, role=Message.Role.ASSISTANT, is_draft=is_draft
    )
    choice = conversation.model_choice if model_choice is None else model_choice
    adapter = arms.adapter_for(person, conversation, choice, queries.loaded_base_model())
    generation = Generation.objects.create(
        reply=reply,
        conversation=conversation,
        sampling=asdict(sampling.with_changes({**conversation.sampling, **(once or {})})),
        adapter=adapter,
        knowledge=Generation.Knowledge.UNSETTLED if uses_approved_answers else Generation.Knowledge.UNASKED,
    )
    if not is_draft:
        conversation.head = reply
    conversation.save(update_fields=["head", "rollout", "arm", "updated_at"])

    def announce() -> None:
        wake_workers(generation.id)
        stream.hint(conversation.owner_id, conversation.id)

    transaction.on_commit(announce)
    return generation


def accepted(message: Message, generation: Generation | None, client_message_id: UUID | None) -> Accepted:
    return Accepted(
        client_message_id=client_message_id,
        conversation_id=message.conversation_id,
        message_id=message.id,
        reply_id=generation.reply_id if generation else None,
        generation_id=generation.id if generation else None,
    )
