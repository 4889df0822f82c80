"""Reads what visitors write, for the reports: how it sounds and which approved answer is nearest. A duty of interactive
workers, which have the approved answers in memory; each message once, whoever answers it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from assistant.chat.models import Message
from assistant.chat.runner import ReplyRunner
from assistant.desk import surges
from assistant.desk.models import Turn
from assistant.desk.sentiment import sentiment_of
from assistant.knowledge.library import Library

LOOK_S = 2.0
SURGES_S = 60.0
# So few that no reply is held up.
AT_ONCE = 4
# What no worker was there to read; older ones stay unread.
READ_BACK = timedelta(days=30)
# A row comes into view when its transaction ends, with an id of when it was made.
LATEST_COMMIT = timedelta(minutes=1)


class TurnReader:
    def __init__(self) -> None:
        self._since = timezone.now() - READ_BACK
        self._look_at = self._surges_at = 0.0
        self._read_of: set[UUID] = set()  # the sites of which something was read since then

    def __call__(self, runner: ReplyRunner) -> None:
        if time.monotonic() < self._look_at or runner.is_writing:
            return
        began = timezone.now()
        turns = read_some(self._since, runner.library)
        self._read_of |= {turn.case.site_id for turn in turns}
        if not turns:
            self._look_at = time.monotonic() + LOOK_S
            self._since = max(self._since, began - LATEST_COMMIT)
            self._look_for_surges()

    def _look_for_surges(self) -> None:
        """Counts four weeks, so once in a while."""
        if time.monotonic() < self._surges_at:
            return
        self._surges_at = time.monotonic() + SURGES_S
        while self._read_of:
            surges.look(self._read_of.pop(), timezone.now().astimezone(UTC).date())


def read_some(since: datetime, library: Library | None) -> list[Turn]:
    """Read the first messages of visitors since then that nobody has read."""
    unread = Message.objects.filter(
        ~Exists(Turn.objects.filter(message=OuterRef("pk"))),
        pk__gte=first_id_of(since),
        role=Message.Role.USER,
        conversation__case__isnull=False,
    )
    found = list(unread.select_related("conversation__case").order_by("pk")[:AT_ONCE])
    turns = [
        Turn(
            message=message,
            case=message.conversation.case,
            sentiment=sentiment_of(message.text),
            passage_id=_nearest(message.text, library),
            at=message.created_at,
        )
        for message in found
    ]
    Turn.objects.bulk_create(turns, ignore_conflicts=True)  # another worker may do the same
    return turns


def first_id_of(at: datetime) -> UUID:
    """The lowest id that a row of this moment can have: they begin with 48 bits of milliseconds (RFC 9562, 5.7)."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


def _nearest(text: str, library: Library | None) -> UUID | None:
    matches = library.find(text, 1) if library else []
    return matches[0].passage.pk if matches and matches[0].score >= settings.APPROVED_ANSWER_MAYBE else None
