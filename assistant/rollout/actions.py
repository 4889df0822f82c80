"""Writes about what answers: an adapter comes to it by steps, or at once, and is taken back by one.

    shadow -> canary of 5, 25, 50 percent -> full, and from each of them back

What answers is what these rows and the live adapter's state say when a reply is asked for: a step is one transaction,
workers hold both adapters loaded by then, and running replies end with the one they began with. An adapter without a
verdict that passed gets before people only by the hand of a named admin who says why; the audit keeps it.
"""

from __future__ import annotations

import secrets

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from assistant.accounts.models import Person
from assistant.adapters.actions import put_live
from assistant.adapters.models import Adapter
from assistant.audit import chain
from assistant.errors import AssistantError
from assistant.finetuning.runs.models import EvaluationRun
from assistant.rollout import queries
from assistant.rollout.models import Rollout, RolloutLook

Stage, End = Rollout.Stage, Rollout.End

# The shares of people that a canary answers, one after the other.
PERCENTS = (5, 25, 50)


@transaction.atomic
def start(person: Person, adapter: Adapter, reason: str = "") -> Rollout:
    """Let workers load an adapter, and answer copies of questions that nobody sees. Raises request.not_allowed,
    rollout.already_live, rollout.busy."""
    _only_admins(person)
    live = _live()
    if live == adapter:
        raise AssistantError("rollout.already_live")
    if queries.candidate():
        raise AssistantError("rollout.busy")
    rollout = Rollout.objects.create(
        adapter=adapter,
        previous=live,
        stage=Stage.SHADOW,
        percent=0,
        salt=secrets.token_hex(16),
        number=_next_number(),
        reason=reason.strip(),
        person=person,
    )
    _audit(person, "rollout.started", rollout, reason)
    return rollout


@transaction.atomic
def advance(person: Person, reason: str = "") -> Rollout:
    """Take the adapter that is on its way one step on: to a first share of people, to a larger one, to all. Raises
    request.not_allowed, rollout.none_under_way, rollout.not_loaded; without a reason also rollout.not_proven and, at
    the last step, rollout.benefit_not_shown."""
    _only_admins(person)
    rollout = queries.candidate(is_locked=True)
    if rollout is None or rollout.adapter is None:
        raise AssistantError("rollout.none_under_way")
    if queries.is_loaded_nowhere(rollout.adapter):
        raise AssistantError("rollout.not_loaded")
    reason = reason.strip()
    rollout.evaluation = _proof(rollout.adapter, _live())
    if rollout.evaluation is None and not reason:
        raise AssistantError("rollout.not_proven")
    percent = next((step for step in PERCENTS if step > rollout.percent), None)
    if percent is None:
        is_shown = rollout.looks.filter(decision=RolloutLook.Decision.BENEFIT).exists()
        if rollout.can_show_benefit and not is_shown and not reason:
            raise AssistantError("rollout.benefit_not_shown")
        return _go_full(person, rollout, reason)
    if rollout.stage == Stage.SHADOW:
        rollout.planned_pairs, rollout.expected_pairs = queries.plan()
    before = {"stage": rollout.stage, "percent": rollout.percent}
    rollout.stage, rollout.percent, rollout.number = Stage.CANARY, percent, _next_number()
    rollout.save()
    Rollout.objects.filter(pk=rollout.pk).update(stage_at=Now())
    _audit(person, "rollout.advanced", rollout, reason, before)
    return rollout


@transaction.atomic
def promote(person: Person, adapter: Adapter | None, reason: str = "") -> Rollout:
    """Let an adapter answer everybody from the next reply on, None the base model. Raises request.not_allowed;
    rollout.busy while another is on its way; rollout.not_proven where the newest evaluation against what answers now
    has not passed and no reason is given."""
    _only_admins(person)
    live = _live()
    if live == adapter:
        raise AssistantError("rollout.already_live")
    rollout = queries.candidate(is_locked=True)
    if rollout and rollout.adapter != adapter:
        raise AssistantError("rollout.busy")
    evaluation = _proof(adapter, live) if adapter else None
    reason = reason.strip()
    if evaluation is None and not reason:
        raise AssistantError("rollout.not_proven")
    rollout = rollout or Rollout(adapter=adapter, previous=live, person=person)
    rollout.evaluation = evaluation
    return _go_full(person, rollout, reason)


@transaction.atomic
def roll_back(person: Person, reason: str) -> Rollout:
    """Take back an adapter that is on its way; where there is none, let answer again what answered before, and was not
    rolled back itself: doing it twice goes two steps back. Returns what answers now, or what was taken back on its way.
    Raises request.not_allowed, rollout.nothing_before."""
    _only_admins(person)
    if candidate := queries.candidate(is_locked=True):
        return _withdraw(person, candidate, reason.strip())
    now = Rollout.objects.filter(end="").first()
    if now is None or now.adapter is None:
        raise AssistantError("rollout.nothing_before")
    replaced = Rollout.objects.filter(end=End.REPLACED).exclude(adapter=now.adapter)
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
    _end_full(End.ROLLED_BACK)
    put_live(adapter)
    return Rollout.objects.create(
        adapter=adapter, previous=now.adapter, reason=reason.strip(), person=person, number=_next_number()
    )


@transaction.atomic
def roll_back_by_itself(rollout: Rollout, cause: Rollout.Cause, finding: str) -> None:
    """Take back a canary for what a look found, unless somebody was faster."""
    candidate = queries.candidate(is_locked=True)
    if candidate and candidate.pk == rollout.pk:
        _withdraw(None, candidate, finding, cause)


def _withdraw(person: Person | None, rollout: Rollout, reason: str, cause: str = "") -> Rollout:
    before = {"stage": rollout.stage, "percent": rollout.percent}
    rollout.end, rollout.cause, rollout.percent, rollout.number = End.ROLLED_BACK, cause, 0, _next_number()
    rollout.save()
    Rollout.objects.filter(pk=rollout.pk).update(ended_at=Now())
    _audit(person, "rollout.rolled_back", rollout, reason, before)
    return rollout


def _go_full(person: Person, rollout: Rollout, reason: str) -> Rollout:
    evaluation, live = rollout.evaluation, _live()
    chain.record(
        person.pk,
        "rollout.promoted" if evaluation else "rollout.promoted_without_proof",
        "adapter",
        rollout.adapter.sha256 if rollout.adapter else "base",
        before={"live": live.sha256 if live else "base"},
        after={"verdict": _verdict(rollout.adapter, live)},
        reason=reason,
    )
    _end_full(End.REPLACED)
    put_live(rollout.adapter)
    rollout.stage, rollout.percent, rollout.number = Stage.FULL, 100, _next_number()
    rollout.person, rollout.reason = person, reason or rollout.reason
    rollout.save()
    Rollout.objects.filter(pk=rollout.pk).update(stage_at=Now())
    return rollout


def _end_full(end: Rollout.End) -> None:
    Rollout.objects.filter(end="", stage=Stage.FULL).update(end=end, ended_at=Now())


def _audit(
    person: Person | None, action: str, rollout: Rollout, reason: str, before: dict[str, object] | None = None
) -> None:
    after = {"stage": rollout.stage, "percent": rollout.percent, "cause": rollout.cause}
    sha256 = rollout.adapter.sha256 if rollout.adapter else "base"
    actor = person.pk if person else None
    chain.record(actor, action, "adapter", sha256, before=before, after=after, reason=reason.strip())


def _proof(adapter: Adapter, live: Adapter | None) -> EvaluationRun | None:
    """The newest evaluation against what answers now, if it has passed."""
    newest = _newest_evaluation(adapter, live)
    return newest if newest and newest.verdict == EvaluationRun.Verdict.PASSED else None


def _verdict(adapter: Adapter | None, live: Adapter | None) -> str:
    newest = _newest_evaluation(adapter, live) if adapter else None
    return newest.verdict if newest else ""


def _newest_evaluation(adapter: Adapter, live: Adapter | None) -> EvaluationRun | None:
    """A verdict against what answered once says nothing about what answers now."""
    done = EvaluationRun.objects.filter(adapter=adapter, baseline=live, state=EvaluationRun.State.COMPLETED)
    return done.order_by("-finished_at").first()


def _next_number() -> int:
    return (Rollout.objects.aggregate(newest=Max("number"))["newest"] or 0) + 1


def _live() -> Adapter | None:
    return Adapter.objects.filter(state=Adapter.State.LIVE).first()


def _only_admins(person: Person) -> None:
    if person.role != Person.Role.ADMIN:
        raise AssistantError("request.not_allowed")
