"""What examples are made of, in tests: people who consent, replies that they judged, and values for the rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from uuid_utils.compat import uuid7

from assistant.accounts import actions as accounts
from assistant.chat.actions import Accepted
from assistant.feedback import actions as feedback
from assistant.feedback import reviews
from assistant.finetuning.candidates import Candidate, candidate_of
from assistant.finetuning.contents import clean
from assistant.models import Example, Feedback, Person
from tests.assistant.rows import finish
from tests.conftest import ask

UP, DOWN = Feedback.Rating.UP, Feedback.Rating.DOWN


def consenting(person: Person) -> Person:
    accounts.set_training_consent(person.id, is_given=True)
    return person


def answered(person: Person, question: str = "Where do rivers end?", answer: str = "In a lake.") -> Accepted:
    """A question and its answer in a conversation of their own."""
    accepted = ask(person, question)
    finish(accepted, answer)
    return accepted


def corrected(person: Person, question: str, answer: str, correction: str) -> Accepted:
    accepted = answered(person, question, answer)
    feedback.give(person.id, accepted.reply_id, DOWN, ["incorrect"], "", correction)
    return accepted


def accept_all(reviewer: Person) -> None:
    while review := reviews.take_next(reviewer.id):
        reviews.accept(reviewer.id, review.id)


def example(question: str, answer: str, **fields: Any) -> Example:
    """One that is not stored: an import of staff unless `fields` say otherwise."""
    turns = {"completion": [{"role": "assistant", "content": answer}]}
    row = Example(
        **{
            "kind": Example.Kind.SFT,
            "prompt": [{"role": "user", "content": question}],
            "source": Example.Source.IMPORT,
            "base_weight": 1.0,
            "status": Example.Status.APPROVED,
            **turns,
            **fields,
        }
    )
    clean(row)
    return row


def candidate(question: str, answer: str, *, id: UUID | None = None, **fields: Any) -> Candidate:
    return candidate_of(example(question, answer, id=id or uuid7(), **fields))


def old_friend(name: str) -> Person:
    """Somebody whose thumbs count: here for long, with conversations enough."""
    person = Person.objects.create(username=name, email=f"{name}@example.org", training_consent_at=timezone.now())
    Person.objects.filter(pk=person.pk).update(date_joined=timezone.now() - timedelta(days=30))
    for number in range(5):
        answered(person, f"Old question {number} of {name}", f"Old answer {number}")
    return person
