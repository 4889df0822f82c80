"""The regression suite: a reply that a reviewer found wrong becomes a question that every adapter is asked from then
on, with what the answer must keep to. What is asked here is never trained on (candidates.py)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import receiver
from django.utils import timezone

from assistant.audit import chain
from assistant.chat.branches import path_to
from assistant.chat.consent import training_use
from assistant.chat.context import prompt_of
from assistant.chat.models import Message
from assistant.chat.queries import Page
from assistant.chat.signals import erasing
from assistant.errors import AssistantError
from assistant.feedback import reviews
from assistant.feedback.models import Review
from assistant.finetuning.candidates import question_of
from assistant.finetuning.contents import canonical, has_template_token
from assistant.finetuning.models import RegressionCase
from assistant.finetuning.redaction import redacted
from assistant.words import normalised

MAX_PHRASES = 10
MAX_PHRASE_CHARS = 200
# As long as the answers that are held against corrections may be (inference/evaluation/spec.py).
MAX_TOKENS = 256
FILE = "regression.jsonl"
# Rules of inference/evaluation/rules.py; at most so many more may be lost than won, as in its suite of formats.
_HEADER = {
    "suite": "regression",
    "version": 1,
    "role": "hard",
    "metric": "format",
    "rule": {"net_loss": 2},
    "licence": "",
    "max_tokens": MAX_TOKENS,
}


@dataclass(frozen=True, slots=True)
class CaseView:
    id: UUID
    question: str
    must_contain: list[str]
    must_not_contain: list[str]
    refuses: bool | None
    made_by: str
    created_at: datetime
    retired_at: datetime | None


@transaction.atomic
def make(
    person_id: UUID,
    review_id: UUID,
    must_contain: Sequence[str] = (),
    must_not_contain: Sequence[str] = (),
    refuses: bool | None = None,
) -> RegressionCase:
    """Ask what was asked before the reply of a review that one holds, from now on. `refuses`: the answer must decline,
    or must not; None: either. Raises request.not_allowed, review.not_held, regression.*"""
    review = reviews.held(person_id, review_id)
    prompt = [_clean_turn(turn) for turn in _prompt_before(review)]
    phrases = {"must_contain": must_contain, "must_not_contain": must_not_contain}
    wanted: dict[str, Any] = {name: _clean_phrases(found) for name, found in phrases.items() if found}
    if refuses is not None:
        wanted["refuses"] = refuses
    if not wanted:
        raise AssistantError("regression.no_rule")
    case = RegressionCase.objects.create(prompt=prompt, wanted=wanted, review=review, made_by_id=person_id)
    chain.record(person_id, "regression.make", "regression_case", case.id, after={"review": str(review.id)})
    return case


@transaction.atomic
def retire(person_id: UUID, case_id: UUID) -> None:
    """Ask it no more; who asks and learns elsewhere is free again. Raises request.not_allowed, regression.not_found."""
    reviews.reviewer_of(person_id)
    if not RegressionCase.objects.filter(pk=case_id, retired_at=None).update(retired_at=timezone.now()):
        raise AssistantError("regression.not_found")
    chain.record(person_id, "regression.retire", "regression_case", case_id)


def cases(cursor: str | None = None, limit: int = 30) -> Page[CaseView]:
    """All cases that there are, also retired ones, the newest first. Raises page.invalid_cursor."""
    rows = RegressionCase.objects.select_related("made_by").order_by("-id")
    if cursor:
        try:
            rows = rows.filter(id__lt=UUID(cursor))
        except ValueError:
            raise AssistantError("page.invalid_cursor") from None
    found = list(rows[: limit + 1])
    return Page([_view(case) for case in found[:limit]], str(found[limit - 1].id) if len(found) > limit else None)


def write_suite(run_folder: Path, training_snapshot: Path) -> Path | None:
    """Write the suite into the folder of an evaluation run, unless it stands there already: what is asked is fixed when
    a run begins. None where there is nothing to ask: of adapters that are older than a case, the training may have had
    its question, and they are not tested on that."""
    remove_erased_files()
    run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # which may have been among them
    path = run_folder / FILE
    if not path.exists():
        trained = set(_questions_trained_on(training_snapshot))
        items = [_item(case) for case in _askable() if question_of(case.prompt) not in trained]
        if not items:
            return None
        path.write_text("".join(f"{canonical(line)}\n" for line in [_HEADER, *items]), encoding="utf-8")
    return path


@receiver(erasing)
def erase(sender: object, **_: Any) -> None:
    """Cases go by cascade; the folders of runs that asked them quote them."""
    transaction.on_commit(remove_erased_files)


def remove_erased_files() -> None:
    """Take away the folder of every run that asked a case that is no more. Asked again before each evaluation: a
    process may have died in between."""
    for path in (Path(settings.DATA_DIR) / "runs").glob(f"*/{FILE}"):
        asked = {json.loads(line).get("id") for line in path.read_text(encoding="utf-8").splitlines()} - {None}
        if RegressionCase.objects.filter(pk__in=asked).count() < len(asked):
            shutil.rmtree(path.parent, ignore_errors=True)


def _askable() -> QuerySet[RegressionCase]:
    """Those whose words may still be used."""
    conversation = "review__conversation"
    return RegressionCase.objects.filter(
        **{
            "retired_at": None,
            f"{conversation}__deleted_at": None,
            f"{conversation}__training_consent_at__isnull": False,
            f"{conversation}__owner__training_consent_at__isnull": False,
        }
    ).order_by("id")


def _prompt_before(review: Review) -> list[dict[str, str]]:
    """As examples have it: the whole path up to the question, under the system message of then."""
    conversation, question = review.conversation, review.message.parent
    if training_use(conversation, conversation.owner) != "allowed":
        raise AssistantError("regression.not_allowed")
    if question is None or question.role != Message.Role.USER or not question.text:
        raise AssistantError("regression.no_question")
    return [{"role": turn.role, "content": turn.text} for turn in prompt_of(path_to(question), conversation)]


def _clean_turn(turn: dict[str, str]) -> dict[str, str]:
    return {"role": turn["role"], "content": _clean(turn["content"])}


def _clean_phrases(phrases: Sequence[str]) -> list[str]:
    plain = [" ".join(phrase.split()) for phrase in phrases]
    if len(plain) > MAX_PHRASES or not all(normalised(phrase) and len(phrase) <= MAX_PHRASE_CHARS for phrase in plain):
        raise AssistantError("regression.invalid_phrase", count=MAX_PHRASES, limit=MAX_PHRASE_CHARS)
    return [_clean(phrase) for phrase in plain]


def _clean(text: str) -> str:
    if has_template_token(text):
        raise AssistantError("regression.template_token")
    return redacted(text)[0]


def _questions_trained_on(snapshot: Path) -> set[str]:
    questions = set()
    for split in ("train", "dev"):
        with (snapshot / f"{split}.jsonl").open(encoding="utf-8") as rows:
            questions |= {question_of(json.loads(row)["prompt"]) for row in rows if row.strip()}
    return questions


def _item(case: RegressionCase) -> dict[str, Any]:
    return {"id": str(case.id), "prompt": case.prompt, "wanted": case.wanted}


def _view(case: RegressionCase) -> CaseView:
    return CaseView(
        id=case.id,
        question=next(turn["content"] for turn in reversed(case.prompt) if turn["role"] == "user"),
        must_contain=case.wanted.get("must_contain", []),
        must_not_contain=case.wanted.get("must_not_contain", []),
        refuses=case.wanted.get("refuses"),
        made_by=str(case.made_by or ""),
        created_at=case.created_at,
        retired_at=case.retired_at,
    )
