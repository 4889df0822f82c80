"""Writes about what became of feedback: that a person has seen it, and what they say of the answer now."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from assistant.accounts.models import Person
from assistant.errors import AssistantError
from assistant.feedback import events
from assistant.outcomes.models import AskedAgain


def see(person_id: UUID) -> None:
    """What there is until now has been told."""
    Person.objects.filter(pk=person_id).update(outcomes_seen_at=timezone.now())


@transaction.atomic
def judge(person_id: UUID, asked_again_id: UUID, verdict: AskedAgain.Verdict | None) -> AskedAgain:
    """Store whether the answer now is better, the same or worse, in the eyes of whose feedback it was; None takes that
    back. Raises outcome.not_found."""
    rows = AskedAgain.objects.select_for_update(of=("self",)).select_related("message__conversation__owner")
    row = rows.filter(
        pk=asked_again_id,
        state=AskedAgain.State.COMPLETED,
        message__conversation__owner=person_id,
        message__conversation__deleted_at=None,
    ).first()
    if row is None:
        raise AssistantError("outcome.not_found")
    if verb := events.verb_from(row.judged, verdict or ""):
        row.judged = verdict or ""
        row.save(update_fields=["judged"])
        events.record(events.Kind.ASKED_AGAIN, verb, person_id, row.message, value=row.judged)
    return row
