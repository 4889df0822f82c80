"""Lets a candidate answer copies of real questions that nobody sees, and keeps how its answers differ: in numbers.

Only questions of people who allow learning from the conversation, a share of them, and only while nobody waits: what is
being written here is given up as soon as somebody asks.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from assistant.adapters.registry import reference_to
from assistant.chat.context import request_for
from assistant.chat.models import Generation
from assistant.chat.queue import are_people_waiting
from assistant.chat.runner import ReplyRunner
from assistant.rollout import queries
from assistant.rollout.models import Rollout, ServingAck, ShadowAnswer
from inference.contract import StreamEvent

ROUND_S = 1.0
SHARE = 0.25
# Of each text: comparing takes time with the product of their lengths.
MAX_WORDS = 400
# How refusals begin, in the languages of the pages; what begins otherwise is not counted.
REFUSAL = re.compile(
    r"^\W*(?:(?:i'?m|i am) (?:really |very |so )?sorry\b|sorry, (?:but )?i\b|unfortunately, i\b"
    r"|i (?:can'?t|cannot|can not|won'?t|will not)\b|(?:i'?m|i am) (?:not able|unable)\b"
    r"|(?:很?抱歉|对不起)|我(?:无法|不能|不可以))",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Asked:
    """One question under way, and what has been said to it."""

    rollout: Rollout
    generation: Generation
    text: str = ""
    ending: StreamEvent | None = None

    def hear(self, event: StreamEvent) -> None:
        self.text += event.delta
        if event.kind in ("finished", "failed"):
            self.ending = event


class Shadow:
    """A duty of one worker (chat/runner.py)."""

    def __init__(self) -> None:
        self._asked: Asked | None = None
        self._next_at = 0.0

    def __call__(self, runner: ReplyRunner) -> None:
        if self._asked:
            self._follow(runner, self._asked)
            return
        now = time.monotonic()
        if now < self._next_at or runner.is_writing:
            return
        self._next_at = now + ROUND_S
        rollout = queries.candidate()
        if rollout is None or rollout.stage != Rollout.Stage.SHADOW or are_people_waiting():
            return
        if not ServingAck.objects.filter(worker=runner.worker_id, adapter=rollout.adapter, ok=True).exists():
            return
        if generation := next_question(rollout):
            self._asked = Asked(rollout, generation)
            request = request_for(generation, ())
            runner.ask_aside(
                replace(request, generation_id=f"shadow-{generation.pk}", adapter=reference_to(rollout.adapter)),
                self._asked.hear,
            )

    def _follow(self, runner: ReplyRunner, asked: Asked) -> None:
        if asked.ending is None:
            if runner.is_writing:
                runner.engine.cancel(f"shadow-{asked.generation.pk}")
            return
        self._asked = None
        if asked.ending.finish_reason != "cancelled":
            keep(asked.rollout, asked.generation, asked.text, asked.ending.finish_reason or "")


def next_question(rollout: Rollout) -> Generation | None:
    """The newest one that may be asked, that what is live has answered since the shadow began, and nobody asked yet."""
    answered = Generation.objects.filter(
        state=Generation.State.COMPLETED,
        adapter=rollout.previous,
        finished_at__gt=rollout.started_at,
        conversation__training_consent_at__isnull=False,
        conversation__owner__training_consent_at__isnull=False,
        conversation__is_temporary=False,
        conversation__deleted_at=None,
    )
    # With an approved answer before it, or in its place, the live one knew what the candidate would not.
    answered = answered.exclude(knowledge__in=(*Generation.GIVEN, Generation.Knowledge.CONTEXT))
    answered = answered.exclude(pk__in=ShadowAnswer.objects.filter(rollout=rollout).values("generation"))
    newest = answered.select_related("reply__parent__conversation", "conversation").order_by("-finished_at")[:20]
    return next((generation for generation in newest if _is_drawn(rollout, generation)), None)


def keep(rollout: Rollout, generation: Generation, text: str, finish_reason: str) -> None:
    """Compare with what people were shown. Another worker may have been as fast: one is kept."""
    shown = generation.reply.text
    answer = ShadowAnswer(
        rollout=rollout,
        generation=generation,
        finish_reason=finish_reason,
        live_characters=len(shown),
        characters=len(text),
        is_live_refusal=bool(REFUSAL.match(shown)),
        is_refusal=bool(REFUSAL.match(text)),
        similarity=round(_similarity(shown, text), 4),
    )
    if Generation.objects.filter(pk=generation.pk).exists():  # it may have been erased meanwhile
        ShadowAnswer.objects.bulk_create([answer], ignore_conflicts=True)


def _is_drawn(rollout: Rollout, generation: Generation) -> bool:
    digest = hashlib.sha256(f"{rollout.salt}{generation.pk}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < SHARE


def _similarity(one: str, two: str) -> float:
    return SequenceMatcher(None, one.split()[:MAX_WORDS], two.split()[:MAX_WORDS], autojunk=False).ratio()
