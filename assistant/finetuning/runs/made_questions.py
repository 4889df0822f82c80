"""The questions that a training made of its examples, for people to judge: what they refuse, no later training learns.

They lie in a file beside the run, which goes with it; what was refused is kept by its hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction

from assistant.accounts.models import Person
from assistant.audit import chain
from assistant.chat.queries import Page
from assistant.errors import AssistantError
from assistant.finetuning.models import Example
from assistant.finetuning.runs.kinds import folder_of
from assistant.finetuning.runs.models import RefusedQuestion, TrainingRun

# What inference/training/augmentation/phase.py leaves, and what it is told.
FILE, REFUSED = "augmented.jsonl", "refused.json"
# Rows that show passages ask one of these questions again.
ASKED_ANEW = ("wording", "written")
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class MadeQuestion:
    """`how`: by rule ("wording") or by the base model ("written"). `original` and `answer` are the example's."""

    id: str
    example_id: UUID
    how: str
    text: str
    original: str
    answer: str
    is_refused: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def has_any(run: TrainingRun) -> bool:
    return next(_rows(run), None) is not None


def questions_of(run: TrainingRun, cursor: str | None = None) -> Page[MadeQuestion]:
    """Those of examples that are still there, in the order of the file. Raises page.invalid_cursor."""
    try:
        begin = int(cursor or 0)
    except ValueError:
        raise AssistantError("page.invalid_cursor") from None
    found: list[dict[str, Any]] = []
    next_cursor = None
    for number, row in enumerate(_rows(run)):
        if number < begin:
            continue
        if len(found) == PAGE_SIZE:
            next_cursor = str(number)
            break
        found.append(row)
    examples = Example.objects.in_bulk([UUID(row["origin"]) for row in found])
    made = [_made(row, examples[UUID(row["origin"])]) for row in found if UUID(row["origin"]) in examples]
    refused = set(_refusals(examples))
    return Page([replace(one, is_refused=(one.example_id, one.sha256) in refused) for one in made], next_cursor)


@transaction.atomic
def judge(person: Person, run: TrainingRun, cursor: str | None, refused_ids: Collection[str]) -> int:
    """Refuse these of a page's questions and no others of it; returns how many changed. Raises page.invalid_cursor,
    request.not_allowed."""
    if person.role not in (Person.Role.REVIEWER, Person.Role.ADMIN):
        raise AssistantError("request.not_allowed")
    shown = questions_of(run, cursor).items
    refused = [one for one in shown if one.id in refused_ids and not one.is_refused]
    taken_back = [one for one in shown if one.id not in refused_ids and one.is_refused]
    rows = [RefusedQuestion(example_id=one.example_id, question_sha256=one.sha256, person=person) for one in refused]
    RefusedQuestion.objects.bulk_create(rows, ignore_conflicts=True)
    for one in taken_back:
        RefusedQuestion.objects.filter(example=one.example_id, question_sha256=one.sha256).delete()
    if refused or taken_back:
        counts = {"refused": len(refused), "taken_back": len(taken_back)}
        chain.record(person.pk, "questions.judged", "training_run", run.pk, after=counts)
    return len(refused) + len(taken_back)


def refused_file(run: TrainingRun) -> Path:
    """What was refused when the run began, in its folder: one that goes on after a crash must make the same rows."""
    file = folder_of(run) / REFUSED
    if not file.exists():
        rows = run.snapshot.items.values("example")
        refused: dict[str, list[str]] = {}
        for example_id, sha256 in _refusals(rows):
            refused.setdefault(str(example_id), []).append(sha256)
        whole = file.with_suffix(".new")
        whole.write_text(json.dumps(refused), encoding="utf-8")
        whole.replace(file)
    return file


def _refusals(examples: Any) -> Iterator[tuple[UUID, str]]:
    rows = RefusedQuestion.objects.filter(example__in=examples).order_by("id")
    yield from rows.values_list("example_id", "question_sha256")


def _rows(run: TrainingRun) -> Iterator[dict[str, Any]]:
    file = folder_of(run) / FILE
    if not file.is_file():
        return
    with file.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            row = json.loads(line)
            if row["augmented"] in ASKED_ANEW:
                yield row


def _made(row: dict[str, Any], example: Example) -> MadeQuestion:
    return MadeQuestion(
        id=row["id"],
        example_id=example.pk,
        how=row["augmented"],
        text=row["prompt"][-1]["content"],
        original=example.prompt[-1]["content"],
        answer=row["completion"][0]["content"],
    )
