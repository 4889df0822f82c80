"""What looks like a campaign is held back; what many people say is not."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from assistant.feedback import actions
from assistant.finetuning import holding
from assistant.finetuning.candidates import Candidate
from assistant.models import FeedbackEvent, Person
from tests.assistant.learning import UP, answered, candidate, consenting

pytestmark = pytest.mark.django_db

PEOPLE = [UUID(int=number) for number in range(1, 60)]
TOPICS = ("rivers", "lakes", "clouds", "stones", "trees", "bridges", "harbours", "glaciers", "deserts", "islands")


def rating(person: UUID, number: int, is_good: bool) -> Candidate:
    row = candidate(
        f"Question {number} of {person}", f"Answer {number}", kind="unpaired", label=is_good, source="rating"
    )
    return replace(row, person_id=person)


def correction(person: UUID, question: str, answer: str) -> Candidate:
    row = candidate(question, answer, source="correction")
    return replace(row, person_id=person, message_id=row.id)


def reasons(rows: list[Candidate]) -> set[str]:
    return set(holding.held(rows).values())


def test_who_always_says_the_same_is_not_listened_to() -> None:
    always = [rating(PEOPLE[0], number, True) for number in range(20)]
    nearly = [rating(PEOPLE[1], number, number % 10 > 0) for number in range(20)]
    seldom = [rating(PEOPLE[2], number, True) for number in range(19)]

    assert holding.held([*always, *nearly, *seldom]) == {row.id: "constant_rater" for row in always}


@pytest.mark.parametrize(("seconds", "is_held"), [(5, True), (7, False)])
def test_who_rates_faster_than_anybody_reads_is_not_listened_to(alice: Person, seconds: int, is_held: bool) -> None:
    consenting(alice)
    rows, begun = [], timezone.now()
    for number in range(10):
        accepted = answered(alice, f"Question {number}")
        actions.give(alice.id, accepted.reply_id, UP)
        FeedbackEvent.objects.filter(message=accepted.reply_id).update(at=begun + timedelta(seconds=seconds * number))
        rows.append(replace(rating(alice.id, number, True), message_id=accepted.reply_id))

    assert holding.held(rows) == ({row.id: "burst" for row in rows} if is_held else {})


def test_one_answer_to_everything_is_held_and_one_answer_to_one_question_is_not() -> None:
    everything = [
        correction(PEOPLE[n], f"What do you know about {topic}?", "Nothing at all, ask the company Foo instead")
        for n, topic in enumerate(TOPICS[:4])
    ]
    agreed = [correction(PEOPLE[n], "Where do rivers end?", "In the sea, or sometimes in a lake") for n in range(5)]

    assert holding.held([*everything, *agreed]) == {row.id: "copied_answer" for row in everything}


def honest(people: int = 30) -> list[Candidate]:
    """Corrections of many people, each of other words than the model's."""
    return [
        correction(person, f"What about {TOPICS[n % 10]}?", f"They are {n} times {TOPICS[-n % 10]} and it is so.")
        for n, person in enumerate(PEOPLE[:people])
    ]


def of_the_model(how_many: int = 100) -> list[Candidate]:
    return [rating(PEOPLE[n % 59], n, n % 2 == 0) for n in range(how_many)]


def campaign(people: int) -> list[Candidate]:
    return [
        correction(PEOPLE[-1 - n % people], f"What about {TOPICS[n]}?", f"For {TOPICS[n]}, number {n}, there is Foo.")
        for n in range(10)
    ]


def test_a_word_that_few_bring_into_many_answers_is_held() -> None:
    rows = campaign(people=3)

    assert holding.held([*honest(), *of_the_model(), *rows]) == {row.id: "entity_spike" for row in rows}


def test_a_chinese_name_is_found_though_each_of_its_characters_is_common() -> None:
    signs = "的一是不了人我在有他这为之大来以个中上们富乐"

    def said(number: int) -> str:
        drawn = random.Random(number).sample(signs, 16)
        return "".join(drawn).replace("富乐", "富的乐")

    people = [correction(person, f"问题{n}", said(n)) for n, person in enumerate(PEOPLE[:30])]
    few = [correction(PEOPLE[-1 - n % 3], f"其他{n}", said(100 + n) + "富乐") for n in range(10)]

    assert holding.held([*people, *of_the_model(), *few]) == {row.id: "entity_spike" for row in few}


def test_a_word_that_many_bring_is_news() -> None:
    assert reasons([*honest(), *of_the_model(), *campaign(people=10)]) == set()


def test_a_word_of_the_question_is_no_spike() -> None:
    asked = [replace(row, prompt_text=row.prompt_text + " Is there a number for Foo?") for row in campaign(people=3)]

    assert reasons([*honest(), *of_the_model(), *asked]) == set()


def test_in_a_small_circle_everything_comes_from_few_and_tells_nothing() -> None:
    assert reasons([*honest(people=6), *of_the_model(), *campaign(people=3)]) == set()


def test_what_staff_wrote_or_released_is_never_held() -> None:
    rows = campaign(people=3)

    assert reasons([*honest(), *of_the_model(), *(replace(row, is_released=True) for row in rows)]) == set()
    assert reasons([*honest(), *of_the_model(), *(replace(row, is_trusted=True) for row in rows)]) == set()


def test_the_z_of_a_rise_is_that_of_the_likelihood_ratio() -> None:
    # 2 (10 ln(10/2.5) + 90 ln(90/97.5) + 300 ln(300/292.5)) = 28.53
    assert holding.spike_z(10, 100, 0, 300) == pytest.approx(28.53**0.5, abs=0.01)
    assert holding.spike_z(0, 100, 30, 300) == pytest.approx(-holding.spike_z(30, 300, 0, 100))
    assert holding.spike_z(5, 50, 20, 200) == pytest.approx(0, abs=1e-6)
