"""Two answers to one question, seen side by side, and which of them is better.

The left one is the answer that was shown when the comparison began, so it is what stays where neither wins.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from assistant.chat import actions, queries
from assistant.chat.models import Generation, Message
from assistant.errors import AssistantError
from assistant.feedback import events, queue
from assistant.feedback.models import Comparison

Verdict = Comparison.Verdict

# A verdict seen from the other side, for a pair that was shown the other way round.
_MIRRORED = {Verdict.LEFT: Verdict.RIGHT, Verdict.RIGHT: Verdict.LEFT}


def verdict_on(person_id: UUID, left_id: UUID, right_id: UUID) -> Verdict | None:
    """What this person said of the pair, whichever way round it was shown. Raises message.not_found,
    comparison.invalid."""
    left, right = _pair(person_id, left_id, right_id)
    comparison = _rows(person_id, left, right).first()
    if comparison is None:
        return None
    verdict = Verdict(comparison.verdict)
    return verdict if comparison.left_id == left.id else _MIRRORED.get(verdict, verdict)


@transaction.atomic
def vote(person_id: UUID, left_id: UUID, right_id: UUID, verdict: Verdict) -> None:
    """Store which answer is better, in place of an earlier verdict on the pair, and show the better one. Raises
    message.not_found, comparison.invalid, comparison.unfinished."""
    left, right = _pair(person_id, left_id, right_id)
    if not (_is_whole(left) and _is_whole(right)):
        raise AssistantError("comparison.unfinished")
    before = verdict_on(person_id, left_id, right_id)
    _rows(person_id, left, right).exclude(left=left).delete()
    Comparison.objects.update_or_create(person_id=person_id, left=left, right=right, defaults={"verdict": verdict})
    _follow(person_id, left, right, before, verdict)
    better = right if verdict == Verdict.RIGHT else left
    actions.look_at_branch(person_id, better.conversation_id, better.id)


@transaction.atomic
def withdraw(person_id: UUID, left_id: UUID, right_id: UUID) -> None:
    """Take a verdict back; what is shown stays."""
    before = verdict_on(person_id, left_id, right_id)
    left, right = _pair(person_id, left_id, right_id)
    _rows(person_id, left, right).delete()
    _follow(person_id, left, right, before, None)


def _follow(person_id: UUID, left: Message, right: Message, before: Verdict | None, after: Verdict | None) -> None:
    if verb := events.verb_from(before, after):
        events.record(events.Kind.COMPARISON, verb, person_id, left, other=right, value=after or "")
        for message in (left, right):
            queue.look_at(person_id, message, is_news=True)


def _is_whole(reply: Message) -> bool:
    """A reply that was stopped can be judged by what there is of it; one that failed, or is being written, cannot.
    What was not written here has no generation."""
    generation: Generation | None = getattr(reply, "generation", None)
    return generation is None or generation.state in (Generation.State.COMPLETED, Generation.State.CANCELLED)


def _pair(person_id: UUID, left_id: UUID, right_id: UUID) -> tuple[Message, Message]:
    left, right = queries.message_of(person_id, left_id), queries.message_of(person_id, right_id)
    are_replies = left.role == right.role == Message.Role.ASSISTANT
    if not are_replies or left.id == right.id or left.parent_id != right.parent_id:
        raise AssistantError("comparison.invalid")
    return left, right


def _rows(person_id: UUID, left: Message, right: Message) -> QuerySet[Comparison]:
    pair = Q(left=left, right=right) | Q(left=right, right=left)
    return Comparison.objects.filter(pair, person_id=person_id)
