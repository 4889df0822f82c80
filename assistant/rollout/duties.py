"""What an interactive worker does for rollouts besides writing replies."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.chat.runner import Duty, ReplyRunner
from assistant.rollout import looks
from assistant.rollout.keeping import AdapterKeeper
from assistant.rollout.shadow import Shadow


def duties() -> Sequence[Duty]:
    """Those of one worker."""
    return (AdapterKeeper(), _look, Shadow())


def _look(_runner: ReplyRunner) -> None:
    looks.look_if_due()
