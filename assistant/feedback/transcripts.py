"""Conversations that administrators may read outside of the review queue: those whose owners allow learning, since the
consent says that people read them, and those of which a reply was called unsafe. Reading needs a reason and is an
audit event; the list shows no word of anybody."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from assistant.accounts.models import Person
from assistant.audit import chain
from assistant.chat.branches import Window, visible_path
from assistant.chat.models import Conversation, Message
from assistant.chat.queries import Page
from assistant.errors import AssistantError
from assistant.feedback.models import Feedback, Review
from assistant.feedback.reviews import checked_reason


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """`ups` and `downs` are the thumbs on its replies, `reviews` what was opened about them."""

    id: UUID
    updated_at: datetime
    messages: int
    ups: int
    downs: int
    reviews: int


def readable(
    person_id: UUID, *, about: str = "", only_down: bool = False, cursor: str | None = None, limit: int = 30
) -> Page[ConversationRow]:
    """What this administrator may read, the newest first. `about` is the id of a conversation or the e-mail address of
    its owner; `only_down`: with a thumb down. Raises request.not_allowed, page.invalid_cursor."""
    rows = _readable(_admin(person_id))
    if about.strip():
        rows = rows.filter(_about(about.strip()))
    if only_down:
        downs = Feedback.objects.filter(message__conversation=OuterRef("pk"), rating=Feedback.Rating.DOWN)
        rows = rows.filter(Exists(downs))
    if cursor:
        try:
            rows = rows.filter(id__lt=UUID(cursor))
        except ValueError:
            raise AssistantError("page.invalid_cursor") from None
    found = list(rows.order_by("-id")[: limit + 1])
    return Page(_rows(found[:limit]), str(found[limit - 1].id) if len(found) > limit else None)


@transaction.atomic
def read(person_id: UUID, conversation_id: UUID, reason: str, leaf_id: UUID | None = None) -> Window:
    """The branch that its owner looks at, up from `leaf_id` or its end. Raises request.not_allowed,
    transcript.not_found, review.reason_missing, message.not_found."""
    conversation = _readable(_admin(person_id)).filter(pk=conversation_id).first()
    if conversation is None:
        raise AssistantError("transcript.not_found")
    chain.record(person_id, "transcript.read", "conversation", conversation_id, reason=checked_reason(reason))
    return visible_path(person_id, conversation, leaf_id)


def _admin(person_id: UUID) -> Person:
    person = Person.objects.filter(pk=person_id, is_active=True, role=Person.Role.ADMIN).first()
    if person is None:
        raise AssistantError("request.not_allowed")
    return person


def _readable(admin: Person) -> QuerySet[Conversation]:
    is_allowed = Q(training_consent_at__isnull=False, owner__training_consent_at__isnull=False)
    was_unsafe = Exists(Review.objects.filter(conversation=OuterRef("pk"), cause=Review.Cause.UNSAFE))
    kept = Conversation.objects.filter(deleted_at=None, is_temporary=False).exclude(owner=admin)
    return kept.filter(is_allowed | Q(was_unsafe))


def _about(what: str) -> Q:
    try:
        return Q(pk=UUID(what))
    except ValueError:
        return Q(owner__email__iexact=what)


def _rows(found: list[Conversation]) -> list[ConversationRow]:
    ids = [conversation.id for conversation in found]
    messages = _counted(Message.objects.filter(conversation__in=ids))
    reviews = _counted(Review.objects.filter(conversation__in=ids))
    thumbs = Counter(
        {
            (id_, rating): count
            for id_, rating, count in Feedback.objects.filter(message__conversation__in=ids)
            .values_list("message__conversation", "rating")
            .annotate(Count("id"))
            .order_by()
        }
    )
    return [
        ConversationRow(
            id=row.id,
            updated_at=row.updated_at,
            messages=messages[row.id],
            ups=thumbs[row.id, Feedback.Rating.UP],
            downs=thumbs[row.id, Feedback.Rating.DOWN],
            reviews=reviews[row.id],
        )
        for row in found
    ]


def _counted(rows: QuerySet) -> Counter[UUID]:  # type: ignore[type-arg]  # of whatever hangs on a conversation
    return Counter(dict(rows.order_by().values_list("conversation").annotate(Count("id"))))
