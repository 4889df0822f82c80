"""How much each row counts: its base weight, times what its rater's word has been worth so far, under caps.

A person's trust is never shown to them, or to anybody beside the numbers of a snapshot.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import fsum
from uuid import UUID

from django.db.models import Count, Q

from assistant.adapters.models import Adapter
from assistant.chat.models import Conversation, Generation
from assistant.feedback.models import Review
from assistant.finetuning.candidates import Candidate
from assistant.finetuning.holding import UNREAD
from assistant.finetuning.merging import Merged

LEAST_TRUST = 0.1
NEW_FOR, NEW_CONVERSATIONS = timedelta(days=7), 5
PERSON_ROWS = 20
PERSON_SHARE = 0.05
# While fewer than 40 people contribute, 5 % each would leave nothing: then it is twice an equal share.
EQUAL_SHARES = 2
# What a thumb counts by how many versions lie between what it was given to and what answers now: it judges answers that
# the model of today might never write. Two versions on it counts nothing. Corrections stay right.
BY_VERSIONS_BETWEEN = (1.0, 0.5)
# Of what nobody has read, together, as soon as there is something that somebody has.
UNREAD_SHARE = 0.2
_ROUNDS = 200


def of_candidates(candidates: Sequence[Candidate], now: datetime) -> tuple[dict[UUID, float], dict[UUID, str]]:
    """The weight of each example before caps, and the reason for those that have none."""
    people = {row.person_id for row in candidates if row.person_id and not row.is_trusted}
    trust, conversations = _trust(people), _conversations(people)
    versions_between = _versions_between(candidates)
    weights, dropped = {}, {}
    for row in candidates:
        between = versions_between[row.message_id] if _is_thumb(row) else 0
        is_new = row.joined_at is not None and now - row.joined_at < NEW_FOR
        is_new = is_new or (row.person_id is not None and conversations[row.person_id] < NEW_CONVERSATIONS)
        if _is_thumb(row) and is_new:
            dropped[row.id] = "new_account"
        elif between >= len(BY_VERSIONS_BETWEEN):
            dropped[row.id] = "older_version"
        else:
            of_person = 1.0 if row.is_trusted else trust.get(row.person_id, 1.0)
            weights[row.id] = row.base_weight * of_person * BY_VERSIONS_BETWEEN[between]
    return weights, dropped


def trust_of(agreed: int, rejected: int) -> float:
    """The mean of the Beta posterior of a rater's agreement with reviewers, from a uniform prior; never below
    LEAST_TRUST, so that nobody is silenced for good."""
    return max(LEAST_TRUST, (1 + agreed) / (2 + agreed + rejected))


def capped(rows: Sequence[Merged]) -> tuple[list[Merged], dict[UUID, str]]:
    """The rows under all caps, their weights lowered in place: the number of rows of one person, oldest first; then
    everybody's share, of what was read and of what was not; then the share of what was not."""
    kept, dropped = [], {}
    count: Counter[UUID] = Counter()
    for row in rows:
        if person_id := _capped_person(row):
            count[person_id] += 1
            if count[person_id] > PERSON_ROWS:
                dropped[row.candidate.id] = "person_rows"
                continue
        kept.append(row)
    unread = [row for row in kept if row.candidate.source in UNREAD]
    read = [row for row in kept if row.candidate.source not in UNREAD]
    # Apart, because caps that lower each other could go on until nothing is left.
    for part in (read, unread):
        _lower_people(part)
    limit = _weight(read) * UNREAD_SHARE / (1 - UNREAD_SHARE)
    if 0 < limit < (weight := _weight(unread)):
        _scale(unread, limit / weight)
    for row in kept:
        row.weight = round(row.weight, 6)
    return kept, dropped


def _lower_people(rows: Sequence[Merged]) -> None:
    """Lower everybody's rows to the same share of what comes out of it."""
    by_person: dict[UUID, list[Merged]] = defaultdict(list)
    for row in rows:
        if person_id := _capped_person(row):
            by_person[person_id].append(row)
    share = max(PERSON_SHARE, EQUAL_SHARES / len(by_person)) if by_person else 1.0
    for _ in range(_ROUNDS):
        limit = share * _weight(rows)
        above = [own for own in by_person.values() if _weight(own) > limit * (1 + 1e-9)]
        if not above:
            return
        for own in above:
            _scale(own, limit / _weight(own))


def _weight(rows: Sequence[Merged]) -> float:
    return fsum(row.weight for row in rows)


def _scale(rows: Sequence[Merged], factor: float) -> None:
    for row in rows:
        row.weight *= factor


def _capped_person(row: Merged) -> UUID | None:
    return None if row.candidate.is_trusted else row.candidate.person_id


def _versions_between(candidates: Sequence[Candidate]) -> Counter[UUID | None]:
    """For each rated reply, how many versions lie between what wrote it and what answers now. Versions are the base
    model and the adapters that were ever live, in the order in which they were made."""
    rated = {row.message_id for row in candidates if _is_thumb(row) and row.message_id}
    wrote = Generation.objects.only("reply_id", "adapter_id").in_bulk(rated, field_name="reply_id")
    states = dict(Adapter.objects.exclude(state=Adapter.State.CANDIDATE).values_list("id", "state"))
    live = next((id_ for id_, state in states.items() if state == Adapter.State.LIVE), None)
    between: Counter[UUID | None] = Counter()
    for reply_id, generation in wrote.items():
        order = [None, *sorted({*states, *filter(None, [generation.adapter_id])})]
        between[reply_id] = abs(order.index(live) - order.index(generation.adapter_id))
    return between


def _is_thumb(row: Candidate) -> bool:
    return row.kind == "unpaired" and not row.is_trusted


def _trust(people: set[UUID]) -> dict[UUID | None, float]:
    agreed = Count("id", filter=Q(state__in=(Review.State.ACCEPTED, Review.State.EDITED)))
    rejected = Count("id", filter=Q(state=Review.State.REJECTED))
    rows = Review.objects.filter(person__in=people).values_list("person").annotate(agreed=agreed, rejected=rejected)
    judged = {person_id: trust_of(a, r) for person_id, a, r in rows.order_by("person")}
    return {person_id: judged.get(person_id, trust_of(0, 0)) for person_id in people}


def _conversations(people: set[UUID]) -> Counter[UUID]:
    rows = Conversation.objects.filter(owner__in=people, is_temporary=False).values_list("owner")
    return Counter(dict(rows.annotate(Count("id")).order_by("owner")))
