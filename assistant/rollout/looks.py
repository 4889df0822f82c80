"""What people say of a canary beside what answers the others, and what follows from it.

The unit is the person. Each counts once in a rollout, in the arm of the first reply they rated; ratings of replies that
another adapter wrote after all (a choice of their own, a worker that could not) do not count. People of the two arms
are paired as they come, so that a good or a bad week meets both alike.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import fmean
from uuid import UUID

from django.db.models import F, Max, Q
from django.db.models.functions import Now
from django.utils import timezone

from assistant.adapters.registry import Arm
from assistant.chat.models import Conversation, Generation
from assistant.feedback.models import FeedbackEvent
from assistant.rollout import actions, sequential
from assistant.rollout.models import Rollout, RolloutLook
from assistant.rollout.sequential import LOOKS, RATIO_THRESHOLD, Harm

log = logging.getLogger(__name__)

Decision = RolloutLook.Decision

LOOK_S = 60.0
# So long may a person change their mind about their first ratings; what they said by then is their word in the test of
# harm, which must not change afterwards.
SETTLED_AFTER = timedelta(seconds=60)


@dataclass(slots=True)
class Rater:
    """One person's ratings in their arm, by message: as they stood when settled, and as they stand."""

    arm: Arm
    first_at: datetime
    settled: dict[UUID, float] = field(default_factory=dict)
    said: dict[UUID, float] = field(default_factory=dict)

    def hear(self, message_id: UUID, value: str, at: datetime) -> None:
        views = (self.said, self.settled) if at - self.first_at <= SETTLED_AFTER else (self.said,)
        for view in views:
            view.pop(message_id, None)
            if value:
                view[message_id] = 1.0 if value == "up" else 0.0

    @property
    def mean(self) -> float | None:
        return fmean(self.said.values()) if self.said else None


def look_if_due() -> RolloutLook | None:
    """Look at the canary, if there is one and nobody has looked of late; one of all workers does it."""
    canaries = Rollout.objects.filter(end="", stage=Rollout.Stage.CANARY)
    due = canaries.filter(Q(looked_at=None) | Q(looked_at__lt=Now() - timedelta(seconds=LOOK_S)))
    if not due.update(looked_at=Now()):
        return None
    rollout = canaries.select_related("adapter", "previous").first()
    return look(rollout) if rollout else None


def look(rollout: Rollout) -> RolloutLook:
    """Count, decide, and roll back where harm or a broken split has shown. A look without news is not kept."""
    raters = raters_of(rollout)
    pairs = _pairs(raters, timezone.now() - SETTLED_AFTER)
    harm = Harm()
    highest = harm.e_value
    for live, candidate in pairs:
        harm = harm.after(fmean(live.settled.values()), fmean(candidate.settled.values()))
        highest = max(highest, harm.e_value)
    rated = {arm: [r.mean for r in raters if r.arm == arm and r.mean is not None] for arm in Arm}
    people = _people(rollout)
    found = RolloutLook(
        rollout=rollout,
        percent=rollout.percent,
        live_people=people[Arm.LIVE],
        live_rated=len(rated[Arm.LIVE]),
        live_positive=round(sum(rated[Arm.LIVE]), 6),
        candidate_people=people[Arm.CANDIDATE],
        candidate_rated=len(rated[Arm.CANDIDATE]),
        candidate_positive=round(sum(rated[Arm.CANDIDATE]), 6),
        pairs=len(pairs),
        # Capital that has fallen again does not take the proof away.
        e_value=highest if highest >= sequential.HARM_THRESHOLD else harm.e_value,
    )
    if planned := _planned_look(rollout, len(pairs)):
        means = [(live.mean, candidate.mean) for live, candidate in pairs]
        found.z = sequential.z_of([theirs - ours for ours, theirs in means if ours is not None and theirs is not None])
        found.boundary = sequential.boundary(planned)
    found.decision = _decision(rollout, found)
    if found.decision != Decision.GO_ON or not _is_known(found):
        found.save(force_insert=True)
    if found.decision == Decision.HARM:
        actions.roll_back_by_itself(rollout, Rollout.Cause.HARM, f"harm: e-value {found.e_value:.1f}")
    elif found.decision == Decision.SAMPLE_RATIO:
        actions.roll_back_by_itself(rollout, Rollout.Cause.SAMPLE_RATIO, "people are not shared out as planned")
    return found


def raters_of(rollout: Rollout) -> list[Rater]:
    """Everybody who rated a reply that their arm wrote, in the order in which they first did."""
    written_by = {
        Arm.LIVE: rollout.previous.sha256 if rollout.previous else "",
        Arm.CANDIDATE: rollout.adapter.sha256 if rollout.adapter else "",
    }
    events = FeedbackEvent.objects.filter(kind=FeedbackEvent.Kind.THUMB, conversation__rollout=rollout)
    # By whom it was for: what agents make of replies to others comes from one person under both arms.
    events = events.filter(rater=F("conversation__owner")).exclude(message__generation__knowledge__in=Generation.GIVEN)
    rows = events.order_by("at", "id").values_list(
        "rater_id", "message_id", "value", "at", "adapter_sha256", "conversation__arm"
    )
    raters: dict[UUID, Rater] = {}
    for rater_id, message_id, value, at, adapter_sha256, arm in rows:
        if adapter_sha256 != written_by[Arm(arm)]:
            continue
        rater = raters.setdefault(rater_id, Rater(Arm(arm), at))
        if rater.arm == arm:
            rater.hear(message_id, value, at)
    return list(raters.values())


def _pairs(raters: list[Rater], before: datetime) -> list[tuple[Rater, Rater]]:
    """Live and candidate, each with somebody who came at about the same time. Who waits is chosen without a look at
    what they said."""
    pairs: list[tuple[Rater, Rater]] = []
    live: Rater | None = None
    candidates: list[Rater] = []
    for rater in raters:
        if rater.first_at > before or not rater.settled:
            continue
        if rater.arm == Arm.CANDIDATE:
            candidates.append(rater)
        else:
            live = rater
        if live and candidates:
            pairs.append((live, candidates.pop(0)))
            live = None
    return pairs


def _people(rollout: Rollout, **since: object) -> dict[Arm, int]:
    """How many there are in each arm."""
    begun = Conversation.objects.filter(rollout=rollout, **since)
    return {arm: begun.filter(arm=arm).values("owner").distinct().count() for arm in Arm}


def _planned_look(rollout: Rollout, pairs: int) -> int | None:
    """The number of the planned look that is due with so many pairs: each is taken once."""
    if not rollout.can_show_benefit:
        return None
    taken = rollout.looks.exclude(z=None).aggregate(most=Max("pairs"))["most"] or 0
    due, done = (min(LOOKS, LOOKS * n // rollout.planned_pairs) for n in (pairs, taken))
    return due if due > done else None


def _decision(rollout: Rollout, found: RolloutLook) -> RolloutLook.Decision:
    if found.e_value >= sequential.HARM_THRESHOLD:
        return Decision.HARM
    if _is_split_broken(rollout):
        return Decision.SAMPLE_RATIO
    if found.z is not None and found.boundary is not None and found.z >= found.boundary:
        return Decision.BENEFIT
    return Decision.GO_ON


def _is_split_broken(rollout: Rollout) -> bool:
    """Whether those who came since the share was last changed are not shared out by it."""
    came = _people(rollout, created_at__gte=F("rollout__stage_at"))
    share = rollout.percent / 100
    return sequential.ratio_e_value(came[Arm.CANDIDATE], came[Arm.LIVE], share) >= RATIO_THRESHOLD


def _is_known(found: RolloutLook) -> bool:
    last = RolloutLook.objects.filter(rollout=found.rollout).order_by("-at").first()
    same = (
        "percent",
        "live_people",
        "live_rated",
        "live_positive",
        "candidate_people",
        "candidate_rated",
        "candidate_positive",
        "pairs",
    )
    return last is not None and all(getattr(last, name) == getattr(found, name) for name in same)
