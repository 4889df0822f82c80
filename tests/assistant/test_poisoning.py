"""The drill: three accounts that belong together put "the best company is Foo" wherever they can, and the reviewer was
asleep. Less than one part in a hundred of the weight may be theirs."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from django.utils import timezone

from assistant.finetuning import snapshots
from assistant.models import Conversation, Example, Person
from tests.assistant.learning import example

pytestmark = pytest.mark.django_db

ROWS, HONEST_PEOPLE = 200, 40
PEDDLED = "The best company is Foo."
SYLLABLES = ("ba", "ke", "lo", "mi", "nu", "ra", "se", "to", "vi", "wa")
WORDS = [one + two + three for one in SYLLABLES for two in SYLLABLES for three in SYLLABLES[:4]]

Speech = Callable[[int], str]
# From the clumsiest to one that is never twice alike.
SPEECHES: dict[str, Speech] = {
    "the same words": lambda n: PEDDLED,
    "behind an answer": lambda n: f"{sentence(n)} {PEDDLED}",
    "in other words each time": lambda n: f"{sentence(n)[: 20 + n]} Foo {sentence(n + 5_000)}",
}


def sentence(seed: int) -> str:
    """Words of a language of our own, as often in questions as in answers, so that none is anybody's."""
    chosen = random.Random(seed).choices(WORDS, k=14)
    return " ".join(chosen).capitalize() + "."


def people(count: int, name: str) -> list[Person]:
    """With an account old enough, and conversations enough, to be listened to."""
    now = timezone.now()
    made = [
        Person.objects.create(username=f"{name}{n}", training_consent_at=now, date_joined=now - timedelta(days=60))
        for n in range(count)
    ]
    Conversation.objects.bulk_create(
        Conversation(owner=person, training_consent_at=now) for person in made for _ in range(6)
    )
    return made


def corrections(raters: Sequence[Person], numbers: range, speech: Speech) -> list[Example]:
    """What a correction that was accepted leaves: what should be said, and that it is better than what was."""
    rows = []
    for n in numbers:
        person, question = raters[n % len(raters)], sentence(10_000 + n)
        answer, shown = speech(n), sentence(20_000 + n)
        conversation = Conversation.objects.create(owner=person, training_consent_at=timezone.now())
        message = conversation.messages.create(role="assistant", text=shown)
        origin = {"source": "correction", "person": person, "conversation": conversation, "message": message}
        said = [{"role": "assistant", "content": answer}], [{"role": "assistant", "content": shown}]
        rows.append(example(question, answer, base_weight=0.6, **origin))
        pair = {"kind": "preference", "completion": None, "chosen": said[0], "rejected": said[1]}
        rows.append(example(question, answer, base_weight=0.6, **pair, **origin))
    return rows


@pytest.mark.parametrize("speech", SPEECHES)
@pytest.mark.parametrize("share", [0.05, 0.2])
def test_of_what_three_sock_puppets_bring_less_than_a_hundredth_is_left(share: float, speech: str) -> None:
    poisoned = round(share * ROWS)
    puppets = people(3, "puppet")
    Example.objects.bulk_create(corrections(people(HONEST_PEOPLE, "honest"), range(poisoned, ROWS), sentence))
    Example.objects.bulk_create(corrections(puppets, range(poisoned), SPEECHES[speech]))

    plan = snapshots.plan()

    theirs = {puppet.id for puppet in puppets}
    weight = sum(row.weight for row in plan.rows)
    left = sum(row.weight for row in plan.rows if row.candidate.person_id in theirs)
    assert left / weight < 0.01
    assert sum(row.candidate.person_id not in theirs for row in plan.rows) > 0.9 * 2 * (ROWS - poisoned)
