"""What a monitor is told of the product as a whole: how much waits and for how long, who works, what is rolled out.

Every question is answered from an index or a small table, and counts end at BOUND: asking often costs little.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Min, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from assistant.chat.leases import DEAD_AFTER_S
from assistant.chat.models import Generation, Worker
from assistant.feedback.models import Review
from assistant.finetuning.runs.models import EvaluationRun, Run, TrainingRun
from assistant.rollout import queries as rollout
from assistant.rollout.models import Rollout

# Where it is reached, that many or more.
BOUND = 10_000
RUNS: dict[str, type[Run]] = {"training": TrainingRun, "evaluation": EvaluationRun}


@dataclass(frozen=True, slots=True)
class ProductState:
    """Counts by their state; ages in seconds, 0 where nothing waits."""

    replies: dict[str, int]  # queued, running
    workers: dict[str, int]  # whose heart beats
    runs: dict[tuple[str, str], int]  # by kind (training, evaluation) and state
    reviews_pending: int
    oldest_waiting_s: dict[str, float]  # reply, training, evaluation, review
    ended_rollouts: dict[tuple[str, str], int]  # by end and cause; cause "" where a person ended it
    # How far the adapter that is on its way has come: shadow or canary, and its share of the people; full and 1 where
    # none is.
    stage: str
    share: float


def product_state() -> ProductState:
    """Raises django.db.DatabaseError."""
    replies = {state: _first(Generation.objects.filter(state=state), "created_at") for state in Generation.ACTIVE}
    runs = {
        (kind, state): _first(model._default_manager.filter(state=state), "created_at")
        for kind, model in RUNS.items()
        for state in Run.State.values
    }
    reviews = _first(Review.objects.filter(state=Review.State.PENDING), "cause", "id")
    beating = Worker.objects.filter(beat_at__gt=Now() - timedelta(seconds=DEAD_AFTER_S))
    workers = beating.order_by().values_list("state").annotate(Count("pk"))
    ended = Rollout.objects.exclude(end="").order_by().values_list("end", "cause").annotate(Count("pk"))
    candidate = rollout.candidate()
    return ProductState(
        replies={state: count for state, (count, _) in replies.items()},
        workers=dict.fromkeys(Worker.State.values, 0) | dict(workers),
        runs={key: count for key, (count, _) in runs.items()},
        reviews_pending=reviews[0],
        oldest_waiting_s={
            "reply": replies[Generation.State.QUEUED][1],
            **{kind: runs[kind, Run.State.QUEUED][1] for kind in RUNS},
            "review": reviews[1],
        },
        ended_rollouts={(end, cause): count for end, cause, count in ended},
        stage=candidate.stage if candidate else Rollout.Stage.FULL,
        share=candidate.percent / 100 if candidate else 1.0,
    )


def _first(rows: QuerySet[Any], *order: str) -> tuple[int, float]:
    """How many there are, up to BOUND, and for how long the oldest of them has been there, in seconds."""
    found = rows.order_by(*order)[:BOUND].aggregate(count=Count("pk"), oldest=Min("created_at"))
    age_s = (timezone.now() - found["oldest"]).total_seconds() if found["oldest"] else 0.0
    return found["count"], max(0.0, age_s)
