"""Puts rows into the states that workers would bring about."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from assistant.chat import stream
from assistant.chat.actions import Accepted
from assistant.models import Generation, Message, Worker


def finish(accepted: Accepted, text: str) -> None:
    """End a reply with this text."""
    assert accepted.reply_id is not None
    assert accepted.generation_id is not None
    Message.objects.filter(pk=accepted.reply_id).update(text=text)
    Generation.objects.filter(pk=accepted.generation_id).update(
        state=Generation.State.COMPLETED,
        finish_reason="stop",
        text_sha256=stream.text_sha256(text),
        finished_at=Now(),
    )


def worker(*, beat_ago_s: float = 0.0) -> Worker:
    row = Worker.objects.create(host="here", pid=1, state=Worker.State.READY, beat_at=Now())
    Worker.objects.filter(pk=row.pk).update(beat_at=Now() - timedelta(seconds=beat_ago_s))
    return row
