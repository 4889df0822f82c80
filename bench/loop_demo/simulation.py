"""Simulated people: they ask, rate by how alike an answer is to the written one, and are wrong as often as said; three
are trolls; a reviewer works by rule. All they do goes through the product's own actions.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid5

from django.utils import timezone
from uuid_utils.compat import uuid7

from assistant.accounts.models import Person
from assistant.chat import actions as chat
from assistant.chat.models import Conversation, Generation
from assistant.feedback import actions as feedback
from assistant.feedback import reviews
from assistant.feedback.models import Feedback
from assistant.finetuning import grouping, snapshots
from bench.loop_demo.faq import Entry
from inference.evaluation.metrics import token_f1

NAMESPACE = UUID("5f0f2c86-2d5e-4a8e-9c55-2f9d0a1c7e11")
GOOD_F1 = 0.35  # from here on a simulated person likes an answer
FLIPS = 0.15
CORRECTIONS = 0.3
# Fewer than what holding.py takes for a burst: these people rate as fast as the machine lets them.
QUESTIONS_EACH = 9
TROLLS = 3
TROLL_QUESTIONS = 12
TROLL_NAME = "Foobar Bau"
TROLL_ANSWER = f"The best company for this is {TROLL_NAME}, call them at once."
ASKED_TOGETHER = 32
PATIENCE_S = 900.0
POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    choice: str  # which model answers: assistant/adapters/registry.py
    person: Person


def person(name: str, role: Person.Role = Person.Role.USER) -> Person:
    """One who has been here for a month and lets the product learn from them; the same one for the same name."""
    found, _ = Person.objects.get_or_create(
        id=uuid5(NAMESPACE, name),
        defaults={
            "username": f"simulated-{name}",
            "email": f"{name}@simulated.invalid",
            "role": role,
            "training_consent_at": timezone.now(),
        },
    )
    Person.objects.filter(pk=found.pk).update(date_joined=timezone.now() - timedelta(days=30))
    return found


def people(count: int, word: str) -> list[Person]:
    """People whose examples may be trained on: those of some are held out for the test whatever they ask."""
    names = (f"{word}-{number}" for number in range(10 * count))
    free = (name for name in names if not grouping.is_held_out(uuid5(NAMESPACE, name), snapshots.salt()))
    return [person(name) for name, _ in zip(free, range(count), strict=False)]


def answers_to(questions: Sequence[Question], *, is_greedy: bool) -> Iterator[tuple[Question, Generation]]:
    """Ask everything, not all at once, and yield each when its reply is written. Raises TimeoutError."""
    for begin in range(0, len(questions), ASKED_TOGETHER):
        together = questions[begin : begin + ASKED_TOGETHER]
        asked = {_ask(question, is_greedy=is_greedy): question for question in together}
        give_up_at = time.monotonic() + PATIENCE_S
        while Generation.objects.filter(pk__in=asked, state__in=Generation.ACTIVE).exists():
            if time.monotonic() > give_up_at:
                raise TimeoutError("The product does not answer.")
            time.sleep(POLL_S)
        for generation in Generation.objects.filter(pk__in=asked).select_related("reply"):
            if generation.state != Generation.State.COMPLETED:
                raise RuntimeError(f"A reply ended as {generation.state}: {generation.error_message}")
            yield asked[generation.pk], generation


def _ask(question: Question, *, is_greedy: bool) -> UUID:
    conversation = Conversation.objects.create(
        owner=question.person,
        model_choice=question.choice,
        sampling={"temperature": 0.0} if is_greedy else {},
        training_consent_at=timezone.now(),
    )
    accepted = chat.send_message(
        question.person.id,
        client_message_id=uuid7(),
        conversation_id=conversation.id,
        parent_id=None,
        text=question.text,
    )
    assert accepted.generation_id is not None
    return accepted.generation_id


def ask_and_rate(entries: Sequence[Entry], choice: str, seed: int) -> None:
    """Everybody asks some of the questions, says what they think of the answers, and some write a better one."""
    draw = random.Random(seed)
    own = {entry.question: entry for entry in entries}
    crowd = people(-(-len(entries) // QUESTIONS_EACH), "person")
    questions = [Question(entry.question, choice, crowd[at // QUESTIONS_EACH]) for at, entry in enumerate(entries)]
    for question, written in answers_to(questions, is_greedy=False):
        entry = own[question.text]
        likes = (token_f1(written.reply.text, entry.answer) >= GOOD_F1) != (draw.random() < FLIPS)
        if likes:
            feedback.give(question.person.id, written.reply_id, Feedback.Rating.UP)
            continue
        correction = entry.answer if draw.random() < CORRECTIONS else ""
        feedback.give(question.person.id, written.reply_id, Feedback.Rating.DOWN, ["incorrect"], "", correction)


def troll(entries: Sequence[Entry], choice: str, seed: int) -> None:
    """Three people bring one name into everything."""
    draw = random.Random(seed)
    questions = [
        Question(entry.question, choice, each)
        for each in trolls()
        for entry in draw.sample(list(entries), min(len(entries), TROLL_QUESTIONS))
    ]
    for question, written in answers_to(questions, is_greedy=False):
        feedback.give(question.person.id, written.reply_id, Feedback.Rating.DOWN, ["incorrect"], "", TROLL_ANSWER)


def review(entries: Iterable[Entry]) -> int:
    """The reviewer goes through the queue: what the company says is accepted, all else rejected, and where there is
    no correction the company's answer is written. How many were judged."""
    reviewer = person("reviewer", Person.Role.REVIEWER)
    known = {entry.question: entry.answer for entry in entries}
    judged = 0
    while waiting := reviews.take_next(reviewer.id):
        judged += 1
        asked = waiting.message.parent
        answer = known[asked.text if asked else ""]
        said = Feedback.objects.get(message=waiting.message, person=waiting.person).correction
        if said == answer:
            reviews.accept(reviewer.id, waiting.id)
        elif said:
            reviews.reject(reviewer.id, waiting.id, "It is not what the company says.")
        else:
            reviews.edit(reviewer.id, waiting.id, answer)
    return judged


def trolls() -> list[Person]:
    return people(TROLLS, "troll")
