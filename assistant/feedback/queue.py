"""Which feedback a reviewer has to judge: corrections, replies that were called unsafe or incorrect, approved answers
with a thumb down, and verdicts of one person that contradict each other. Only what may be learned from; what was called
unsafe is looked at anyway."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet

from assistant.accounts.models import Person
from assistant.chat.consent import training_use
from assistant.chat.models import Generation, Message
from assistant.feedback.models import Comparison, Feedback, Review

Cause, State = Review.Cause, Review.State


def look_at(person_id: UUID, message: Message, *, is_news: bool) -> None:
    """Open, change or take away the review of what this person says about this reply. What was decided before stays
    decided, until something new is said (`is_news`)."""
    cause = _cause(person_id, message)
    pending = {"message": message, "person_id": person_id, "state": State.PENDING}
    if cause is None:
        Review.objects.filter(**pending).delete()
    elif is_news:
        # Whoever approved something first approved what was said before.
        anew = {"cause": cause, "reviewer": None, "answer": "", "is_edited": False}
        begun = {"cause": cause, "conversation": message.conversation}
        Review.objects.update_or_create(**pending, defaults=anew, create_defaults=begun)


def waiting_for(reviewer: Person) -> QuerySet[Review]:
    """What this reviewer may judge, the most urgent first: never their own words, nor the same thing twice."""
    is_allowed = Q(
        conversation__training_consent_at__isnull=False, conversation__owner__training_consent_at__isnull=False
    )
    rows = Review.objects.filter(is_allowed | Q(cause=Cause.UNSAFE), state=State.PENDING, conversation__deleted_at=None)
    own = Q(person=reviewer) | Q(conversation__owner=reviewer)
    has_approved = Q(reviewer__isnull=False, reviewer=reviewer)
    return rows.exclude(own | has_approved).order_by("cause", "id")


def _cause(person_id: UUID, message: Message) -> Review.Cause | None:
    conversation = message.conversation
    feedback = Feedback.objects.filter(message=message, person_id=person_id).first()
    reasons = feedback.reasons if feedback else []
    if "unsafe" in reasons and not conversation.is_temporary:
        return Cause.UNSAFE
    if training_use(conversation, conversation.owner) != "allowed":
        return None
    if feedback and feedback.rating == Feedback.Rating.DOWN and _is_approved_answer(message):
        return Cause.APPROVED_ANSWER
    if feedback and feedback.correction:
        return Cause.CORRECTION
    if "incorrect" in reasons:
        return Cause.INCORRECT
    return Cause.DISAGREEMENT if feedback and _disagrees(feedback) else None


def _is_approved_answer(message: Message) -> bool:
    generation: Generation | None = getattr(message, "generation", None)
    return bool(generation and generation.knowledge == Generation.Knowledge.SERVED)


def _disagrees(feedback: Feedback) -> bool:
    """The better of two answers has the thumb down, or the worse one the thumb up."""
    left, right = Comparison.Verdict.LEFT, Comparison.Verdict.RIGHT
    own = Comparison.objects.filter(person_id=feedback.person_id)
    is_better = Q(left=feedback.message_id, verdict=left) | Q(right=feedback.message_id, verdict=right)
    is_worse = Q(left=feedback.message_id, verdict=right) | Q(right=feedback.message_id, verdict=left)
    return own.filter(is_worse if feedback.rating == Feedback.Rating.UP else is_better).exists()
