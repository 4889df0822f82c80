"""Several at once: reviewers who take, auditors who write, snapshots that are frozen."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from django.db import connection
from pytest_django import Settings

from assistant.audit import chain
from assistant.feedback import actions, reviews
from assistant.finetuning import snapshots
from assistant.models import DatasetSnapshot, Example, Person, Review
from tests.assistant.learning import DOWN, answered, consenting, corrected, example

pytestmark = pytest.mark.django_db(transaction=True)

Result = TypeVar("Result")


def member(name: str, role: Person.Role = Person.Role.USER) -> Person:
    return Person.objects.create(username=name, role=role)


def at_once(*calls: Callable[[], Result]) -> list[Result]:
    def run(call: Callable[[], Result]) -> Result:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_the_audit_chain_has_no_forks() -> None:
    bob = member("bob", Person.Role.REVIEWER)

    at_once(*[lambda: [chain.record(bob.id, "review.accepted", "review", n) for n in range(10)]] * 4)

    assert chain.verify().broken_at is None
    assert chain.verify().events == 40


def test_no_two_reviewers_hold_the_same_review() -> None:
    alice = consenting(member("alice"))
    for number in range(6):
        corrected(alice, f"Question {number}", "No.", "Yes.")
    staff = [member(f"reviewer{number}", Person.Role.REVIEWER) for number in range(4)]

    taken = at_once(*(lambda person=person: reviews.take_next(person.id) for person in staff))

    assert len({review.id for review in taken if review}) == 4
    assert Review.objects.filter(assigned_to__isnull=False).count() == 4


def test_the_same_correction_sent_twice_at_once_is_one_review() -> None:
    alice = consenting(member("alice"))
    reply_id = answered(alice).reply_id

    at_once(*[lambda: actions.give(alice.id, reply_id, DOWN, [], "", "In the sea.")] * 4)

    assert Review.objects.count() == 1


def test_two_snapshots_at_once_give_every_example_one_split(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    Example.objects.bulk_create(example(f"What about {n * 7919} of them?", f"Answer {n * 104729}.") for n in range(30))

    one, other = at_once(snapshots.build, snapshots.build)

    assert one == other == DatasetSnapshot.objects.get()
    snapshots.rebuild(one)
