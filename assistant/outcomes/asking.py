"""Asks the questions again whose feedback the live adapter has learned from: each once, greedily, when nobody waits.

Nothing of it stands in the conversation. What its owner has deleted, taken back or no longer allows is not asked.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from assistant.adapters.models import Adapter
from assistant.adapters.registry import reference_to
from assistant.chat import stream
from assistant.chat.branches import path_to
from assistant.chat.consent import training_use
from assistant.chat.context import prompt_of, sampling_of
from assistant.chat.leases import DEAD_AFTER_S
from assistant.chat.models import Generation, Message
from assistant.chat.queue import are_people_waiting
from assistant.chat.runner import ReplyRunner
from assistant.chat.texts import storable
from assistant.feedback.models import Comparison, Feedback, Review
from assistant.finetuning.models import Example
from assistant.finetuning.runs.models import TrainingRun
from assistant.outcomes.models import AskedAgain
from assistant.outcomes.similarity import chrf
from inference.contract import EngineInfo, GenerationRequest, SamplingParams, StreamEvent

State, Verdict = AskedAgain.State, AskedAgain.Verdict

LOOK_S = 5.0
PLAN_AT_ONCE = 200
MAX_ATTEMPTS = 3
# Differences in chrF below it are a matter of wording.
SAME_WITHIN = 0.05


class Asking:
    """A duty of a worker (assistant/chat/runner.py): one question at a time, given up as soon as somebody waits."""

    def __init__(self) -> None:
        self._row: AskedAgain | None = None
        self._events: deque[StreamEvent] = deque()
        self._look_at = 0.0

    def __call__(self, runner: ReplyRunner) -> None:
        if self._row:
            self._go_on(self._row, runner)
        elif not runner.is_writing and (request := self.next(runner.worker_id, runner.info)):
            self._events.clear()
            runner.ask_aside(request, self._events.append)

    def next(self, worker_id: UUID, engine: EngineInfo) -> GenerationRequest | None:
        """Claim what is to be asked now."""
        if time.monotonic() < self._look_at:
            return None
        self._look_at = time.monotonic() + LOOK_S
        adapter = Adapter.objects.filter(state=Adapter.State.LIVE, base_model_sha256=engine.base_model_sha256).first()
        if adapter is None or are_people_waiting():
            return None
        plan(adapter)
        _give_up(adapter, worker_id)
        self._row = _claim(adapter, worker_id, engine)
        return _request_for(self._row) if self._row else None

    def end(self, text: str, ending: StreamEvent) -> None:
        """Take in the answer to what was claimed, or why there is none."""
        row = self._row
        assert row
        if ending.finish_reason == "cancelled":
            _own(row).update(state=State.QUEUED, worker=None, attempts=F("attempts") - 1)
        elif ending.failure:
            is_last = row.attempts >= MAX_ATTEMPTS or not ending.failure.retryable
            _own(row).update(state=State.FAILED if is_last else State.QUEUED, worker=None)
        else:
            _complete(row, text)
            self._look_at = 0.0
        self._row = None  # last: a round that the database refuses is run again

    def _go_on(self, row: AskedAgain, runner: ReplyRunner) -> None:
        events = list(self._events)
        if ending := next((event for event in events if event.kind in ("finished", "failed")), None):
            self.end("".join(event.delta for event in events), ending)
        elif runner.is_writing:
            runner.engine.cancel(str(row.pk))


def plan(adapter: Adapter) -> int:
    """Put what is still to be asked of this adapter into the queue and take out what was to be asked of others; returns
    how many were added."""
    AskedAgain.objects.filter(state=State.QUEUED).exclude(adapter=adapter).delete()
    snapshots = TrainingRun.objects.filter(adapter=adapter, state=TrainingRun.State.COMPLETED).values("snapshot")
    asked = AskedAgain.objects.filter(adapter=adapter, message=OuterRef("message"))
    learned = Example.objects.filter(
        ~Exists(asked),
        snapshot_items__snapshot__in=snapshots,
        status=Example.Status.APPROVED,
        message__isnull=False,
        conversation__deleted_at=None,
        conversation__training_consent_at__isnull=False,
        conversation__owner__training_consent_at__isnull=False,
    )
    ids = learned.order_by("message").values_list("message", flat=True).distinct()[:PLAN_AT_ONCE]
    rows = [AskedAgain(message_id=id_, adapter=adapter) for id_ in ids]
    AskedAgain.objects.bulk_create(rows, ignore_conflicts=True)  # another worker may do the same
    return len(rows)


def _left_behind(worker_id: UUID) -> Q:
    """What a worker that died was at, and what this one was never told that it has."""
    died = Q(worker=None) | Q(worker=worker_id) | Q(worker__beat_at__lt=Now() - timedelta(seconds=DEAD_AFTER_S))
    return Q(state=State.RUNNING) & died


def _give_up(adapter: Adapter, worker_id: UUID) -> None:
    """End what was left behind as often as may be, or by an adapter that is asked nothing any more."""
    hopeless = Q(attempts__gte=MAX_ATTEMPTS) | ~Q(adapter=adapter)
    AskedAgain.objects.filter(_left_behind(worker_id), hopeless).update(state=State.FAILED, worker=None)


def _claim(adapter: Adapter, worker_id: UUID, engine: EngineInfo) -> AskedAgain | None:
    for row in _waiting(adapter, worker_id):
        if not _may_be_asked(row.message):
            row.delete()
            continue
        taken = AskedAgain.objects.filter(pk=row.pk, fence=row.fence, state=row.state).update(
            state=State.RUNNING,
            fence=row.fence + 1,
            attempts=row.attempts + 1,
            worker_id=worker_id,
            base_model_sha256=engine.base_model_sha256,
        )
        if taken:
            row.fence, row.attempts = row.fence + 1, row.attempts + 1
            return row
    return None


def _waiting(adapter: Adapter, worker_id: UUID) -> Iterator[AskedAgain]:
    """The oldest first; also what was left behind."""
    rows = AskedAgain.objects.filter(Q(state=State.QUEUED) | _left_behind(worker_id), adapter=adapter)
    yield from rows.select_related("adapter", "message__parent", "message__conversation__owner").order_by("created_at")[
        :10
    ]


def _may_be_asked(message: Message) -> bool:
    conversation = message.conversation
    if conversation.deleted_at or training_use(conversation, conversation.owner) != "allowed" or not message.parent:
        return False
    if any(step.edited_at and step.edited_at > message.created_at for step in path_to(message.parent)):
        return False  # it is another question by now
    is_compared = Comparison.objects.filter(Q(left=message) | Q(right=message)).exists()
    return is_compared or Feedback.objects.filter(message=message).exists()


def _request_for(row: AskedAgain) -> GenerationRequest:
    message = row.message
    assert message.parent
    generation: Generation | None = getattr(message, "generation", None)
    limit = sampling_of(generation).max_tokens if generation else settings.MAX_REPLY_TOKENS
    return GenerationRequest(
        generation_id=str(row.pk),
        messages=prompt_of(path_to(message.parent), message.conversation),
        sampling=SamplingParams(seed=0, temperature=0.0, max_tokens=limit),
        adapter=reference_to(row.adapter),
    )


def _complete(row: AskedAgain, text: str) -> None:
    text = storable(text)
    then, now = _scores(row.message, text)
    done = _own(row).update(
        state=State.COMPLETED,
        text=text,
        score_then=then,
        score_now=now,
        measured=_measured(then, now, is_equal=text == row.message.text),
        finished_at=Now(),
        worker=None,
    )
    if done:
        stream.hint(row.message.conversation.owner_id, row.message.conversation_id)


def _scores(message: Message, text: str) -> tuple[float | None, float | None]:
    approved = Review.objects.filter(message=message, state__in=(Review.State.ACCEPTED, Review.State.EDITED))
    review = approved.exclude(answer="").order_by("-id").first()
    return (chrf(message.text, review.answer), chrf(text, review.answer)) if review else (None, None)


def _measured(then: float | None, now: float | None, *, is_equal: bool) -> str:
    if is_equal:
        return Verdict.SAME
    if then is None or now is None:
        return ""
    if abs(now - then) < SAME_WITHIN:
        return Verdict.SAME
    return Verdict.BETTER if now > then else Verdict.WORSE


def _own(row: AskedAgain) -> QuerySet[AskedAgain]:
    return AskedAgain.objects.filter(pk=row.pk, fence=row.fence, state=State.RUNNING)
