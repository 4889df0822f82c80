"""Adapters on their way into a model that is writing: read beside it, put in piece by piece between its steps.

Knows nothing of requests. What is called `tell` hands a call to the engine's thread; all but `_read` runs there.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from inference import self_check
from inference.contract import AdapterError, AdapterRef
from inference.serving.adapters import AdapterFiles, Adapters
from inference.serving.scratch import Scratch

log = logging.getLogger(__name__)

# How long running replies wait between two of their steps at most, for one piece; a layer is put in whole.
PIECE_S = 0.02
UNCHECKED = "No self-check is stored with the adapter."

# Called once, with what could not be compared, or with why the adapter cannot be used.
Done = Callable[[str | AdapterError], None]


class Loading:
    def __init__(self, scratch: Scratch, adapters: Adapters, tell: Callable[[Callable[[], None]], None]) -> None:
        self._scratch = scratch
        self._adapters = adapters
        self._tell = tell
        self._waiting: dict[str, list[Done]] = {}
        self._remarks: dict[str, str] = {}  # of all that were ever loaded, what could not be compared
        self._read_files: deque[AdapterFiles] = deque()
        self._current: tuple[AdapterFiles, Iterator[None]] | None = None
        self._reader = ThreadPoolExecutor(1, "adapter-reader")

    @property
    def has_work(self) -> bool:
        """Whether there is anything to put in; what is still being read needs no step."""
        return self._current is not None or bool(self._read_files)

    def ask(self, ref: AdapterRef, done: Done) -> None:
        """Begin to load, unless that is under way already or done."""
        if ref.sha256 in self._adapters.loaded:
            done(self._remarks[ref.sha256])
            return
        is_new = ref.sha256 not in self._waiting
        self._waiting.setdefault(ref.sha256, []).append(done)
        if is_new:
            self._reader.submit(self._read, ref)

    def step(self, in_use: Collection[str], is_hurried: bool) -> None:
        """Put in what fits into a moment; as much as there is unless `is_hurried`."""
        end_at = time.monotonic() + PIECE_S
        while self.has_work:
            if self._current is None:
                files = self._read_files.popleft()
                self._current = files, self._adapters.put_in(files, in_use)
            files, pieces = self._current
            outcome: str | AdapterError
            try:
                for _ in pieces:
                    if is_hurried and time.monotonic() > end_at:
                        return
                outcome = self._remarks[files.sha256] = self._compared(files)
            except AdapterError as error:
                outcome = error
            self._current = None
            self._end(files.sha256, outcome)

    def stop(self) -> None:
        self._reader.shutdown(wait=False, cancel_futures=True)

    def _read(self, ref: AdapterRef) -> None:
        try:
            files = self._adapters.read(ref)
        except AdapterError as error:
            self._tell(partial(self._end, ref.sha256, error))
        except Exception as error:
            log.exception("the adapter %s could not be read", ref.sha256[:12])
            self._tell(partial(self._end, ref.sha256, AdapterError(f"The adapter cannot be read: {error}")))
        else:
            self._tell(partial(self._read_files.append, files))

    def _compared(self, files: AdapterFiles) -> str:
        """Compare with what is stored. Raises AdapterError, having taken the adapter out again."""
        check = files.self_check
        if check is None:
            return UNCHECKED
        try:
            adapted = self._scratch.last_logits(check.token_ids, self._adapters.index_of(files.sha256))
            base = self._scratch.last_logits(check.token_ids)
            problem = self_check.difference_from(check, adapted, base)
        except Exception as error:
            log.exception("the adapter %s could not be compared", files.sha256[:12])
            problem = f"The stored self-check cannot be made here: {error}."
        if problem:
            self._adapters.drop(files.sha256)
            raise AdapterError(problem)
        return ""

    def _end(self, sha256: str, outcome: str | AdapterError) -> None:
        for done in self._waiting.pop(sha256, []):
            done(outcome)
