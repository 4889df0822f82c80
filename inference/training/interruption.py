"""How others stop a run or make it wait: SIGTERM, and a file that people's requests put in its way."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from types import FrameType

from inference.training.failure import Stopped

LOOK_EVERY_S = 0.1


class Interruption:
    """Asked between micro-batches, so that an answer to it is never far."""

    def __init__(self) -> None:
        self._pause_file: Path | None = None
        self._is_asked_to_stop = False

    def listen(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)

    def pause_while(self, path: str) -> None:
        """Let the file `path` make the run wait."""
        self._pause_file = Path(path)

    def yield_to_others(self, *_: object) -> None:
        """Wait while the pause file is there. Raises Stopped when the run shall stop."""
        while True:
            if self._is_asked_to_stop:
                raise Stopped
            if self._pause_file is None or not self._pause_file.exists():
                return
            time.sleep(LOOK_EVERY_S)

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_asked_to_stop = True
