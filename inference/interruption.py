"""How others stop a run or make it wait: SIGTERM, and a file that people's requests put in its way."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

LOOK_EVERY_S = 0.1


class Stopped(Exception):
    """Somebody asked the run to stop; what it has done is kept, and the same command goes on."""


class Interruption:
    """Asked between pieces of work that take a second at most, so that an answer to it is never far."""

    def __init__(self) -> None:
        self._pause_file: Path | None = None
        self._tell: Callable[[bool], None] = lambda is_paused: None
        self._is_asked_to_stop = False

    def listen(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)

    def pause_while(self, path: str, tell: Callable[[bool], None]) -> None:
        """Let the file `path` make the run wait; `tell` hears when it begins and when it ends to wait."""
        self._pause_file, self._tell = Path(path), tell

    @property
    def is_asked_to_stop(self) -> bool:
        return self._is_asked_to_stop

    @property
    def is_paused(self) -> bool:
        return self._pause_file is not None and self._pause_file.exists()

    def yield_to_others(self, *_: object) -> None:
        """Wait while the pause file is there. Raises Stopped when the run shall stop."""
        was_paused = False
        while True:
            if self.is_asked_to_stop:
                raise Stopped
            is_paused = self.is_paused
            if is_paused != was_paused:
                self._tell(is_paused)
            if not is_paused:
                return
            was_paused = True
            time.sleep(LOOK_EVERY_S)

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_asked_to_stop = True
