"""Writes about what answers: promote an adapter that has passed, roll back to what answered before.

An adapter without a verdict that passed gets live only by the hand of a named admin who says why; the audit keeps it.
Running replies end with the adapter they began with; workers load a new one when the first reply asks for it.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from assistant.accounts.models import Person
from assistant.adapters.actions import put_live
from assistant.adapters.models import Adapter
from assistant.audit import chain
from assistant.errors import AssistantError
from assistant.finetuning.runs.models import EvaluationRun
from assistant.rollout.models import Rollout

Verdict = EvaluationRun.Verdict


@transaction.atomic
def promote(person: Person, adapter: Adapter | None, reason: str = "") -> Rollout:
    """Let an adapter answer from the next reply on, None the base model. Raises request.not_allowed; rollout.not_proven
    where the newest evaluation against what answers now has not passed and no reason is given."""
    _only_admins(person)
    live = _live()
    if live == adapter:
        raise AssistantError("rollout.already_live")
    evaluation = _newest_evaluation(adapter, live) if adapter else None
    has_passed = evaluation is not None and evaluation.verdict == Verdict.PASSED
    reason = reason.strip()
    if not has_passed and not reason:
        raise AssistantError("rollout.not_proven")
    chain.record(
        person.pk,
        "rollout.promoted" if has_passed else "rollout.promoted_without_proof",
        "adapter",
        adapter.sha256 if adapter else "base",
        before={"live": live.sha256 if live else "base"},
        after={"verdict": evaluation.verdict if evaluation else ""},
        reason=reason,
    )
    return _begin(person, adapter, evaluation if has_passed else None, reason)


@transaction.atomic
def roll_back(person: Person, reason: str) -> Rollout:
    """Let answer again what answered before, and was not rolled back itself: doing it twice goes two steps back. Raises
    request.not_allowed, rollout.nothing_before."""
    _only_admins(person)
    now = Rollout.objects.filter(end="").first()
    if now is None or now.adapter is None:
        raise AssistantError("rollout.nothing_before")
    replaced = Rollout.objects.filter(end=Rollout.End.REPLACED).exclude(adapter=now.adapter)
    before = replaced.order_by("-started_at").first()
    adapter = before.adapter if before else None
    chain.record(
        person.pk,
        "rollout.rolled_back",
        "adapter",
        now.adapter.sha256,
        after={"live": adapter.sha256 if adapter else "base"},
        reason=reason.strip(),
    )
    return _begin(person, adapter, None, reason.strip(), ending=Rollout.End.ROLLED_BACK)


def _begin(
    person: Person,
    adapter: Adapter | None,
    evaluation: EvaluationRun | None,
    reason: str,
    ending: Rollout.End = Rollout.End.REPLACED,
) -> Rollout:
    Rollout.objects.filter(end="").update(end=ending, ended_at=Now())
    put_live(adapter)
    return Rollout.objects.create(adapter=adapter, evaluation=evaluation, reason=reason, person=person)


def _newest_evaluation(adapter: Adapter, live: Adapter | None) -> EvaluationRun | None:
    """A verdict against what answered once says nothing about what answers now."""
    done = EvaluationRun.objects.filter(adapter=adapter, baseline=live, state=EvaluationRun.State.COMPLETED)
    return done.order_by("-finished_at").first()


def _live() -> Adapter | None:
    return Adapter.objects.filter(state=Adapter.State.LIVE).first()


def _only_admins(person: Person) -> None:
    if person.role != Person.Role.ADMIN:
        raise AssistantError("request.not_allowed")
