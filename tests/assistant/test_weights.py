"""How much a row counts: trust, and the caps that hold whatever is given."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from assistant.feedback import reviews
from assistant.finetuning import weights
from assistant.finetuning.merging import Merged
from assistant.models import Adapter, Generation, Message, Person
from tests.assistant.learning import accept_all, answered, candidate, consenting, corrected, old_friend

PEOPLE = [UUID(int=number) for number in range(1, 101)]


def row(person: int | None, weight: float, source: str = "correction", number: int = 0) -> Merged:
    built = candidate(f"Question {number} of {person}", "Because.", source=source)
    return Merged(replace(built, person_id=None if person is None else PEOPLE[person]), weight)


def shares(rows: list[Merged]) -> Counter[UUID | None]:
    total = sum(row.weight for row in rows)
    found: Counter[UUID | None] = Counter()
    for one in rows:
        found[None if one.candidate.is_trusted else one.candidate.person_id] += one.weight / total
    return found


def _share(rows: list[Merged]) -> float:
    """What one of them may have at most: 5 %, or twice an equal share where fewer than 40 people contribute."""
    parts: dict[bool, set[UUID | None]] = {True: set(), False: set()}
    for one in rows:
        if not one.candidate.is_trusted:
            parts[one.candidate.source in weights.UNREAD].add(one.candidate.person_id)
    return max([0.05, *(2 / len(people) for people in parts.values() if people)])


def test_trust_is_the_posterior_mean_and_never_nothing() -> None:
    assert weights.trust_of(0, 0) == 0.5
    assert weights.trust_of(8, 0) == 0.9
    assert weights.trust_of(1, 2) == 0.4
    assert weights.trust_of(0, 1_000) == weights.LEAST_TRUST


def test_trust_grows_with_what_reviewers_accepted_and_falls_with_what_they_rejected(
    alice: Person, charlie: Person, bob: Person
) -> None:
    for number in range(3):
        corrected(consenting(alice), f"Question {number}", "No.", "Yes, it is so.")
    accept_all(bob)
    corrected(consenting(charlie), "Question", "No.", "Nonsense.")
    review = reviews.take_next(bob.id)
    assert review
    reviews.reject(bob.id, review.id, "Nonsense")
    rows = [
        replace(candidate("Question", "Answer", source=source), person_id=person.id, base_weight=0.6)
        for person, source in [(alice, "correction"), (charlie, "correction"), (charlie, "gold")]
    ]

    found, dropped = weights.of_candidates(rows, timezone.now())

    assert [found[row.id] for row in rows] == pytest.approx([0.6 * 4 / 5, 0.6 / 3, 0.6])
    assert dropped == {}


def test_thumbs_of_new_accounts_count_nothing(alice: Person) -> None:
    old = old_friend("oscar")
    for number in range(5):
        answered(alice, f"Question {number}")
    quiet = Person.objects.create(username="quiet")
    Person.objects.filter(pk=quiet.pk).update(date_joined=timezone.now() - timedelta(days=30))
    rows = []
    for person in (old, alice, quiet):
        person.refresh_from_db()
        thumb = candidate("Question", "Answer", kind="unpaired", label=True, source="rating", person=person)
        rows.append(thumb)

    found, dropped = weights.of_candidates(rows, timezone.now())

    assert set(found) == {rows[0].id}
    assert dropped == {rows[1].id: "new_account", rows[2].id: "new_account"}


def test_a_thumb_counts_half_for_the_version_before_and_nothing_for_older_ones(charlie: Person) -> None:
    oscar = old_friend("oscar")
    oscar.refresh_from_db()
    versions = [Adapter.objects.create(name=f"v{n}", sha256=str(n) * 64, state="retired") for n in range(1, 3)]
    live = Adapter.objects.create(name="v3", sha256="3" * 64, state="live")
    canary = Adapter.objects.create(name="v4", sha256="4" * 64)
    rows = []
    for adapter in (None, *versions, live, canary):
        accepted = answered(oscar, "Question of a version")
        Generation.objects.filter(pk=accepted.generation_id).update(adapter=adapter)
        message = Message.objects.get(pk=accepted.reply_id)
        told = {"source": "rating", "person": oscar, "message": message, "base_weight": 0.2}
        rows.append(candidate("Question", "Answer", kind="unpaired", label=True, **told))
        rows.append(candidate("Question", "Correction", **told | {"source": "correction"}))

    found, dropped = weights.of_candidates(rows, timezone.now())

    thumbs, corrections = rows[::2], rows[1::2]
    assert dropped == {row.id: "older_version" for row in thumbs[:2]}
    assert [found[row.id] for row in thumbs[2:]] == pytest.approx([0.05, 0.1, 0.05])
    assert all(found[row.id] == pytest.approx(0.1) for row in corrections)


def test_one_person_has_at_most_twenty_rows_the_oldest() -> None:
    rows = [row(0, 0.5, number=number) for number in range(25)] + [row(None, 1.0, "import", n) for n in range(25)]

    kept, dropped = weights.capped(rows)

    assert kept == rows[:20] + rows[25:]
    assert dropped == {one.candidate.id: "person_rows" for one in rows[20:25]}


def test_with_forty_people_nobody_has_more_than_a_twentieth() -> None:
    rows = [row(person, 0.6) for person in range(1, 45)] + [row(0, 0.6, number=number) for number in range(20)]

    kept, _ = weights.capped(rows)

    assert shares(kept)[PEOPLE[0]] == pytest.approx(0.05, abs=1e-4)
    assert all(one.weight == 0.6 for one in kept[:44])


def test_a_small_circle_shares_out_twice_an_equal_share() -> None:
    rows = [row(0, 0.6, number=number) for number in range(20)] + [row(person, 0.6) for person in range(1, 8)]

    kept, _ = weights.capped(rows)

    assert shares(kept)[PEOPLE[0]] == pytest.approx(2 / 8, abs=1e-4)


def test_what_nobody_has_read_is_a_fifth_at_most_where_something_was_read() -> None:
    thumbs = [row(person, 0.2, "rating") for person in range(50)] + [
        row(person, 0.5, "comparison") for person in range(50)
    ]
    read = [row(None, 1.0, "gold", number) for number in range(20)]

    kept, _ = weights.capped([*thumbs, *read])
    assert sum(one.weight for one in kept[:100]) == pytest.approx(5, abs=1e-3)
    assert sum(one.weight for one in kept[100:]) == 20

    alone, _ = weights.capped([row(person, 0.2, "rating") for person in range(50)])
    assert sum(one.weight for one in alone) == pytest.approx(10)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 60),
            st.floats(0.05, 1.0),
            st.sampled_from(["correction", "rating", "comparison", "gold", "import"]),
        ),
        min_size=1,
        max_size=120,
    )
)
def test_the_caps_hold_whatever_is_given_and_nothing_is_raised(drawn: list[tuple[int, float, str]]) -> None:
    rows = [row(person, weight, source, number) for number, (person, weight, source) in enumerate(drawn)]
    before = {one.candidate.id: one.weight for one in rows}

    kept, _ = weights.capped(rows)

    total = sum(one.weight for one in kept)
    assert total > 0
    assert all(part <= _share(kept) + 1e-4 for person, part in shares(kept).items() if person)
    unread = sum(one.weight for one in kept if one.candidate.source in ("rating", "comparison"))
    assert unread <= 0.2 * total + 1e-4 or unread == pytest.approx(total)
    assert all(one.weight <= before[one.candidate.id] + 1e-6 for one in kept)
