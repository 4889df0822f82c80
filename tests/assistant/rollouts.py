"""Adapters, verdicts and people of rollouts, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

from django.utils import timezone

from assistant.adapters import registry
from assistant.chat.actions import Accepted
from assistant.feedback import actions as feedback
from assistant.feedback.models import FeedbackEvent
from assistant.models import (
    Adapter,
    Conversation,
    DatasetSnapshot,
    EvaluationRun,
    Feedback,
    Generation,
    Person,
    Rollout,
    TrainingRun,
)
from assistant.rollout import actions
from tests.assistant.rows import finish
from tests.conftest import ask

BASE = "0" * 64
_numbers = count()


def admin(name: str = "ada") -> Person:
    return Person.objects.create(username=name, email=f"{name}@example.org", role=Person.Role.ADMIN)


def people(number: int) -> list[Person]:
    rows = [Person(username=f"person-{next(_numbers)}") for _ in range(number)]
    return Person.objects.bulk_create(rows)


def trained(letter: str, state: Adapter.State = Adapter.State.CANDIDATE) -> Adapter:
    snapshot, _ = DatasetSnapshot.objects.get_or_create(sha256="a" * 64, defaults={"manifest": {}, "rows": 0})
    adapter = Adapter.objects.create(name=letter, sha256=letter * 64, base_model_sha256=BASE, state=state)
    TrainingRun.objects.create(snapshot=snapshot, adapter=adapter, state="completed")
    return adapter


def evaluated(adapter: Adapter, verdict: str, against: Adapter | None = None) -> EvaluationRun:
    return EvaluationRun.objects.create(
        adapter=adapter,
        baseline=against,
        training_run=adapter.training_runs.get(),
        verdict=verdict,
        state="completed",
        finished_at=timezone.now(),
    )


def canary(percent: int = 50, letter: str = "b") -> Rollout:
    """One that has passed and answers so many percent of the people."""
    ada = Person.objects.filter(role=Person.Role.ADMIN).first() or admin()
    adapter = trained(letter)
    evaluated(adapter, "pass")
    rollout = actions.start(ada, adapter)
    while rollout.percent < percent:
        rollout = actions.advance(ada)
    return rollout


def adapter_of(accepted: Accepted) -> Adapter | None:
    return Generation.objects.get(pk=accepted.generation_id).adapter


def arm_of(accepted: Accepted) -> str:
    return Conversation.objects.get(pk=accepted.conversation_id).arm


def rated(person: Person, rating: Feedback.Rating, *, ago: timedelta = timedelta(minutes=5)) -> Accepted:
    """A question of this person's, answered and rated some time ago."""
    accepted = ask(person, f"Question {next(_numbers)}")
    finish(accepted, f"Answer {next(_numbers)}")
    feedback.give(person.id, accepted.reply_id, rating)
    FeedbackEvent.objects.filter(message=accepted.reply_id).update(at=timezone.now() - ago)
    return accepted


def of_arm(rollout: Rollout, arm: str) -> Iterator[Person]:
    """New people, as many as are asked for, whom this rollout puts into this arm."""
    running = registry.canary(BASE)
    assert running is not None
    assert running.rollout_id == rollout.id
    while True:
        yield from (person for person in people(20) if running.arm_of(person.id) == arm)
