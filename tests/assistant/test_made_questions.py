"""The questions that a training made are judged by people; what they refuse, the next one leaves out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from assistant.errors import AssistantError
from assistant.finetuning import snapshots
from assistant.finetuning.runs import made_questions
from assistant.finetuning.runs.kinds import folder_of
from assistant.finetuning.runs.made_questions import judge, questions_of
from assistant.models import AuditEvent, DatasetSnapshot, Example, Person, RefusedQuestion, TrainingRun
from tests.learned import examples, make_questions

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_data(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.SECRET_KEY = "the same splits in each run of the tests"


@pytest.fixture
def snapshot() -> DatasetSnapshot:
    examples()
    return snapshots.build()


def trained(snapshot: DatasetSnapshot) -> TrainingRun:
    """A run that made its rows as training does, with what it was told was refused."""
    run = TrainingRun.objects.create(snapshot=snapshot, config={"augmentation": {"wordings": 3}}, state="completed")
    make_questions(run, wordings=3)
    return run


def all_of(run: TrainingRun) -> dict[str, Any]:
    found, cursor = {}, None
    while True:
        page = questions_of(run, cursor)
        found |= {(one.example_id, one.text): one for one in page.items}
        if not (cursor := page.next_cursor):
            return found


def test_they_stand_beside_the_question_and_the_answer_that_they_were_made_of(snapshot: DatasetSnapshot) -> None:
    run = trained(snapshot)

    first = questions_of(run).items[0]

    example = Example.objects.get(pk=first.example_id)
    assert (first.original, first.answer) == (example.prompt[-1]["content"], example.completion[0]["content"])
    assert first.text != first.original
    assert (first.how, first.is_refused) == ("wording", False)


def test_they_come_a_page_at_a_time(snapshot: DatasetSnapshot) -> None:
    run = trained(snapshot)
    lines = (folder_of(run) / made_questions.FILE).read_text().splitlines()

    assert len(questions_of(run).items) == made_questions.PAGE_SIZE
    assert len(all_of(run)) == len(lines) > made_questions.PAGE_SIZE
    with pytest.raises(AssistantError, match=r"page\.invalid_cursor"):
        questions_of(run, "nonsense")


def test_what_is_refused_the_next_training_leaves_out(snapshot: DatasetSnapshot, bob: Person) -> None:
    run = trained(snapshot)
    bad = questions_of(run).items[3:6]

    assert judge(bob, run, None, {one.id for one in bad}) == 3

    assert [one.is_refused for one in questions_of(run).items[:8]] == [False] * 3 + [True] * 3 + [False] * 2
    before, after = all_of(run), all_of(trained(snapshot))
    assert set(before) - set(after) == {(one.example_id, one.text) for one in bad}
    event = AuditEvent.objects.get(action="questions.judged")
    assert event.after == {"refused": 3, "taken_back": 0}


def test_a_refusal_is_taken_back_by_unticking_it(snapshot: DatasetSnapshot, bob: Person) -> None:
    run = trained(snapshot)
    ids = [one.id for one in questions_of(run).items]
    judge(bob, run, None, set(ids[:2]))

    assert judge(bob, run, None, {ids[1]}) == 1
    assert judge(bob, run, None, {ids[1]}) == 0

    assert [one.is_refused for one in questions_of(run).items[:2]] == [False, True]


def test_of_other_pages_nothing_is_changed(snapshot: DatasetSnapshot, bob: Person) -> None:
    run = trained(snapshot)
    judge(bob, run, None, {questions_of(run).items[0].id})

    second = questions_of(run).next_cursor
    assert judge(bob, run, second, {questions_of(run).items[5].id}) == 0

    assert RefusedQuestion.objects.count() == 1


def test_a_run_that_goes_on_keeps_to_what_was_refused_when_it_began(snapshot: DatasetSnapshot, bob: Person) -> None:
    run = trained(snapshot)
    judge(bob, run, None, {questions_of(run).items[0].id})

    assert json.loads(made_questions.refused_file(run).read_text()) == {}


def test_a_refusal_goes_with_its_example(snapshot: DatasetSnapshot, bob: Person) -> None:
    run = trained(snapshot)
    first = questions_of(run).items[0]
    judge(bob, run, None, {first.id})

    Example.objects.filter(pk=first.example_id).delete()

    assert not RefusedQuestion.objects.exists()
    assert first.example_id not in {one.example_id for one in questions_of(run).items}


def test_nobody_else_may_judge(snapshot: DatasetSnapshot, charlie: Person) -> None:
    with pytest.raises(AssistantError, match=r"request\.not_allowed"):
        judge(charlie, trained(snapshot), None, ())
