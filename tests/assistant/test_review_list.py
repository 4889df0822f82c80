"""The review queue as a list: what is in it for whom, and no word of what people wrote."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from assistant.errors import AssistantError
from assistant.feedback import actions, review_list, reviews
from assistant.feedback.review_list import Holder
from assistant.models import Person, Review
from tests.assistant.learning import DOWN, answered, consenting, corrected

Cause = Review.Cause


@pytest.fixture
def waiting(alice: Person, bob: Person) -> list[Review]:
    """Three corrections and one reply that was called wrong."""
    consenting(alice)
    for number in range(3):
        corrected(alice, f"Question {number}?", "A private answer.", "A private correction.")
    actions.give(alice.id, answered(alice).reply_id, DOWN, ["incorrect"])
    return list(Review.objects.order_by("cause", "id"))


def test_it_counts_what_waits_for_this_reviewer_by_cause(alice: Person, bob: Person, waiting: list[Review]) -> None:
    assert review_list.counts(bob) == {
        Cause.UNSAFE: 0,
        Cause.CORRECTION: 3,
        Cause.APPROVED_ANSWER: 0,
        Cause.INCORRECT: 1,
        Cause.DISAGREEMENT: 0,
    }
    assert set(review_list.counts(alice).values()) == {0}  # her own words


def test_pages_follow_one_another_in_the_order_of_urgency(bob: Person, waiting: list[Review]) -> None:
    first = review_list.waiting(bob, limit=3)
    second = review_list.waiting(bob, limit=3, cursor=first.next_cursor)

    assert [row.id for row in first.items + second.items] == [review.id for review in waiting]
    assert second.next_cursor is None
    for cursor in ("nonsense", "2_correction.nonsense"):
        with pytest.raises(AssistantError, match=r"page\.invalid_cursor"):
            review_list.waiting(bob, cursor=cursor)


@pytest.mark.parametrize(("holder", "expected"), [("anybody", 4), ("me", 1), ("nobody", 2)])
def test_it_is_filtered_by_who_holds_it(
    bob: Person, charlie: Person, waiting: list[Review], holder: Holder, expected: int
) -> None:
    Person.objects.filter(pk=charlie.pk).update(role=Person.Role.REVIEWER)
    for person in (bob, charlie):
        reviews.take_next(person.id)

    rows = review_list.waiting(bob, holder=holder).items

    assert len(rows) == expected
    if holder == "me":
        assert (rows[0].holder, rows[0].is_mine) == (str(bob), True)
    if holder == "nobody":
        assert {row.holder for row in rows} == {""}


def test_it_is_filtered_by_cause_and_age(bob: Person, waiting: list[Review]) -> None:
    assert [row.cause for row in review_list.waiting(bob, cause=Cause.INCORRECT).items] == [Cause.INCORRECT]
    Review.objects.filter(pk=waiting[0].pk).update(created_at=timezone.now() - timedelta(days=8))

    assert [row.id for row in review_list.waiting(bob, min_age=timedelta(days=7)).items] == [waiting[0].id]


def test_a_hold_that_is_over_is_none(bob: Person, waiting: list[Review]) -> None:
    reviews.take_next(bob.id)
    Review.objects.update(assigned_until=timezone.now() - timedelta(seconds=1))

    assert {row.holder for row in review_list.waiting(bob, holder="nobody").items} == {""}
    assert review_list.waiting(bob, holder="me").items == []


def test_it_says_who_approved_first(bob: Person, charlie: Person, waiting: list[Review], settings: Settings) -> None:
    settings.REVIEW_NEEDS_TWO = True
    Person.objects.filter(pk=charlie.pk).update(role=Person.Role.REVIEWER)
    reviews.take(charlie.id, waiting[0].id)
    reviews.accept(charlie.id, waiting[0].id)

    assert review_list.waiting(bob).items[0].reviewer == str(charlie)


def test_what_was_decided_is_shown_to_who_decided_and_to_administrators(
    bob: Person, charlie: Person, waiting: list[Review]
) -> None:
    for review in waiting[:2]:
        reviews.take(bob.id, review.id)
        reviews.skip(bob.id, review.id)
    charlie.role = Person.Role.REVIEWER

    assert [row.id for row in review_list.decided(bob).items] == [waiting[1].id, waiting[0].id]
    assert review_list.decided(charlie).items == []
    charlie.role = Person.Role.ADMIN
    page = review_list.decided(charlie, limit=1)
    assert [row.id for row in page.items] == [waiting[1].id]
    assert [row.id for row in review_list.decided(charlie, cursor=page.next_cursor).items] == [waiting[0].id]


def test_no_word_of_anybody_stands_in_it(bob: Person, waiting: list[Review]) -> None:
    assert "private" not in repr(review_list.waiting(bob))
