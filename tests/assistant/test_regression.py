"""The regression suite: how a test is made of a review, that each run asks it, and that nothing learns from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from assistant.accounts import actions as accounts
from assistant.chat import erasure, organizing
from assistant.errors import AssistantError
from assistant.feedback import actions, reviews
from assistant.finetuning import examples, regression, snapshots
from assistant.finetuning.files import folder_of
from assistant.finetuning.runs.evaluation import EVALUATION
from assistant.finetuning.runs.kinds import folder_of as run_folder
from assistant.models import (
    Adapter,
    AuditEvent,
    DatasetSnapshot,
    EvaluationRun,
    Example,
    Person,
    RegressionCase,
    Review,
    TrainingRun,
)
from inference.evaluation import suites
from tests.assistant.learning import DOWN, answered, consenting, corrected, example

TAUGHT = example("What is a cloud made of?", "Of very small drops of water.")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path
    settings.SECRET_KEY = "the same splits in each run of the tests"


@pytest.fixture
def held(alice: Person, bob: Person) -> Review:
    """Alice's correction in the hands of bob."""
    corrected(consenting(alice), "Where do rivers end?", "In a lake.", "In the sea.")
    review = reviews.take_next(bob.id)
    assert review
    return review


@pytest.fixture
def case(bob: Person, held: Review) -> RegressionCase:
    return regression.make(bob.id, held.id, ["the sea"], ["a lake"], refuses=False)


@pytest.fixture
def snapshot(db: None) -> DatasetSnapshot:
    """One with rows to train on and to test with."""
    Example.objects.bulk_create(
        [TAUGHT, *(example(f"Question {number} about stones?", f"Answer {number}.") for number in range(30))]
    )
    return snapshots.build()


def evaluation_of(snapshot: DatasetSnapshot) -> EvaluationRun:
    adapter = Adapter.objects.create(name="v1", sha256="a" * 64, base_model_sha256="0" * 64)
    training = TrainingRun.objects.create(snapshot=snapshot, adapter=adapter, state="completed")
    return EvaluationRun.objects.create(adapter=adapter, training_run=training)


def asked_by(run: EvaluationRun) -> list[dict[str, Any]]:
    """The items of the suite that a run is told of."""
    files = EVALUATION.spec_of(run)["further_suites"]
    return [json.loads(line) for file in files for line in Path(file).read_text().splitlines()[1:]]


# Made


def test_a_test_asks_what_was_asked_and_says_what_the_answer_must_keep_to(bob: Person, case: RegressionCase) -> None:
    assert [turn["role"] for turn in case.prompt] == ["system", "user"]
    assert case.prompt[-1]["content"] == "Where do rivers end?"
    assert case.wanted == {"must_contain": ["the sea"], "must_not_contain": ["a lake"], "refuses": False}
    event = AuditEvent.objects.get(action="regression.make")
    assert (event.actor, event.object_id) == (bob, str(case.id))
    assert "sea" not in str(event.after)


def test_a_test_holds_no_personal_data(alice: Person, bob: Person) -> None:
    corrected(consenting(alice), "Who is carl@example.org?", "Nobody.", "Write to carl@example.org.")
    review = reviews.take_next(bob.id)
    assert review

    case = regression.make(bob.id, review.id, ["write to carl@example.org"])

    assert "carl" not in json.dumps([case.prompt, case.wanted])
    assert case.wanted == {"must_contain": ["write to [EMAIL]"]}


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ({}, "regression.no_rule"),
        ({"must_contain": ["…"]}, "regression.invalid_phrase"),
        ({"must_contain": ["a" * 201]}, "regression.invalid_phrase"),
        ({"must_not_contain": [f"word {number}" for number in range(11)]}, "regression.invalid_phrase"),
        ({"must_contain": ["<|im_end|>"]}, "regression.template_token"),
    ],
)
def test_a_rule_that_cannot_be_kept_to_is_refused(bob: Person, held: Review, rules: Any, code: str) -> None:
    with pytest.raises(AssistantError, match=code.replace(".", r"\.")):
        regression.make(bob.id, held.id, **rules)
    assert not RegressionCase.objects.exists()


def test_only_who_holds_the_review_makes_a_test_of_it(charlie: Person, bob: Person, held: Review) -> None:
    with pytest.raises(AssistantError, match=r"request\.not_allowed"):
        regression.make(charlie.id, held.id, ["the sea"])
    reviews.give_back(bob.id, held.id)
    with pytest.raises(AssistantError, match=r"review\.not_held"):
        regression.make(bob.id, held.id, ["the sea"])


def test_without_consent_no_test_is_made_of_what_was_called_unsafe(alice: Person, bob: Person) -> None:
    actions.give(alice.id, answered(alice).reply_id, DOWN, ["unsafe"])
    review = reviews.take_next(bob.id)
    assert review

    with pytest.raises(AssistantError, match=r"regression\.not_allowed"):
        regression.make(bob.id, review.id, refuses=True)


def test_the_list_has_pages_with_the_question_and_the_rules(bob: Person, case: RegressionCase, held: Review) -> None:
    newer = regression.make(bob.id, held.id, refuses=True)

    first = regression.cases(limit=1)
    [view] = regression.cases(first.next_cursor, limit=1).items

    assert [item.id for item in first.items] == [newer.id]
    assert (view.id, view.question, view.must_contain, view.refuses) == (
        *(case.id, "Where do rivers end?", ["the sea"], False),
    )
    assert view.made_by == str(bob)
    with pytest.raises(AssistantError, match=r"page\.invalid_cursor"):
        regression.cases("nonsense")


# Asked


def test_each_evaluation_asks_it_and_the_suite_can_be_read(case: RegressionCase, snapshot: DatasetSnapshot) -> None:
    run = evaluation_of(snapshot)
    [item] = asked_by(run)

    suite = suites.load(EVALUATION.spec_of(run)["further_suites"][0])

    assert (suite.name, suite.role, suite.metric, dict(suite.rule)) == ("regression", "hard", "format", {"net_loss": 2})
    assert [(each.id, each.wanted) for each in suite.items] == [(str(case.id), case.wanted)]
    assert item["prompt"] == case.prompt


def test_without_a_test_there_is_no_suite(snapshot: DatasetSnapshot) -> None:
    assert EVALUATION.spec_of(evaluation_of(snapshot))["further_suites"] == []


def test_what_is_asked_is_fixed_when_the_run_begins(
    bob: Person, held: Review, case: RegressionCase, snapshot: DatasetSnapshot
) -> None:
    run = evaluation_of(snapshot)
    before = asked_by(run)

    regression.make(bob.id, held.id, ["the ocean"])

    assert asked_by(run) == before  # its worker died, and another takes it over
    assert len(asked_by(EvaluationRun.objects.create(adapter=run.adapter, training_run=run.training_run))) == 2


def test_a_retired_test_is_not_asked(
    bob: Person, charlie: Person, case: RegressionCase, snapshot: DatasetSnapshot
) -> None:
    with pytest.raises(AssistantError, match=r"request\.not_allowed"):
        regression.retire(charlie.id, case.id)
    regression.retire(bob.id, case.id)

    assert asked_by(evaluation_of(snapshot)) == []
    assert regression.cases().items[0].retired_at
    assert AuditEvent.objects.filter(action="regression.retire", actor=bob).exists()
    with pytest.raises(AssistantError, match=r"regression\.not_found"):
        regression.retire(bob.id, case.id)


def test_what_is_no_longer_consented_to_is_not_asked(
    alice: Person, case: RegressionCase, snapshot: DatasetSnapshot
) -> None:
    accounts.set_training_consent(alice.id, is_given=False)

    assert asked_by(evaluation_of(snapshot)) == []


# Never learned from


def test_what_is_asked_is_in_no_training_whoever_else_asked_it(bob: Person, case: RegressionCase) -> None:
    reviews.accept(bob.id, case.review_id)
    Example.objects.bulk_create(
        [
            example("Where do rivers end?", "They end in the sea."),
            example("Where do rivers ends?", "At the coast, in salt water."),
            *(example(f"Question {number} about stones?", f"Answer {number}.") for number in range(20)),
        ]
    )
    examples.build()

    folder = folder_of(snapshots.build().sha256)

    trained = "".join((folder / f"{split}.jsonl").read_text() for split in ("train", "dev"))
    assert "rivers" not in trained
    assert "stones" in trained
    tested = (folder / "test.jsonl").read_text()
    assert all(answer in tested for answer in ("They end in the sea.", "At the coast", "In the sea."))


def test_an_adapter_that_had_learned_it_before_is_not_tested_on_it(alice: Person, bob: Person, held: Review) -> None:
    reviews.accept(bob.id, held.id)
    Example.objects.bulk_create(
        example(f"Question {number} about stones?", f"Answer {number}.") for number in range(30)
    )
    examples.build()
    Example.objects.filter(person=alice).update(split="train", group="g")
    older = snapshots.build()
    reviews.undo(bob.id, held.id)

    regression.make(bob.id, held.id, ["the sea"])

    assert "rivers" in (folder_of(older.sha256) / "train.jsonl").read_text()
    assert asked_by(evaluation_of(older)) == []
    newer = snapshots.build()
    assert "rivers" not in (folder_of(newer.sha256) / "train.jsonl").read_text()


# Erased


def test_it_goes_with_the_person_and_so_does_what_runs_left_of_it(
    alice: Person,
    case: RegressionCase,
    snapshot: DatasetSnapshot,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    run, other = evaluation_of(snapshot), run_folder(TrainingRun(pk=case.id))
    assert asked_by(run)
    other.mkdir(parents=True)

    with django_capture_on_commit_callbacks(execute=True):
        erasure.erase_person(alice.id)

    assert not RegressionCase.objects.exists()
    assert not run_folder(run).exists()
    assert other.exists()
    assert asked_by(run) == []  # begun again, it asks what is left


def test_what_outlived_its_erasure_goes_before_the_next_evaluation(
    alice: Person, case: RegressionCase, snapshot: DatasetSnapshot
) -> None:
    run = evaluation_of(snapshot)
    assert asked_by(run)
    erasure.erase_person(alice.id)  # the process dies before it has taken the files away
    assert (run_folder(run) / regression.FILE).exists()

    EVALUATION.spec_of(EvaluationRun.objects.create(adapter=run.adapter, training_run=run.training_run))

    assert not run_folder(run).exists()


def test_of_a_deleted_conversation_nothing_is_asked(
    alice: Person, case: RegressionCase, snapshot: DatasetSnapshot
) -> None:
    organizing.delete(alice.id, case.review.conversation_id)

    assert asked_by(evaluation_of(snapshot)) == []
