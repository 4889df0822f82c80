"""The process of one run: it gets a folder with spec.json, says JSON lines, and leaves result.json.

Knows nothing of rows. Only one process at a time may work in a folder, whoever started it and whatever died since.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from assistant.parent_death import end_with_parent

STOPPED = 75  # sysexits.h EX_TEMPFAIL: it ended in order and can go on
BAD_INPUT = 65  # sysexits.h EX_DATAERR: trying again would not help
LEAST_PRIORITY = 19
# What a process that computes needs to know of its surroundings; no address of a database, no secret.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
MAX_LINE_CHARS = 64 * 1024
KEPT_LINES = 20


class FolderBusy(Exception):
    """A process that was started before still works there."""


class Child:
    """`module` is run as `python -m module FOLDER/spec.json`, by `launcher` where several shall be one run. Raises
    FolderBusy, OSError."""

    def __init__(self, module: str, folder: Path, launcher: tuple[str, ...] = ()) -> None:
        lock = _locked(folder / "lock")
        try:
            self._process = subprocess.Popen(  # noqa: S603  # a module of ours, a folder of ours
                [sys.executable, "-m", *launcher, module, str(folder / "spec.json")],
                cwd=settings.BASE_DIR,
                env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                pass_fds=(lock,),  # held as long as the process lives, even when we do not
                preexec_fn=end_with_parent(),
            )
        finally:
            os.close(lock)
        os.setpriority(os.PRIO_PROCESS, self._process.pid, LEAST_PRIORITY)
        self._lock = threading.Lock()
        self._said: list[dict[str, Any]] = []
        self._complaints: deque[str] = deque(maxlen=KEPT_LINES)
        self._readers = [
            threading.Thread(target=read, daemon=True) for read in (self._read_events, self._read_complaints)
        ]
        for reader in self._readers:
            reader.start()

    @property
    def status(self) -> int | None:
        """The exit status once it has ended and everything it said was read; a signal as a negative number."""
        status = self._process.poll()
        if status is not None:
            for reader in self._readers:
                reader.join(timeout=5)
        return status

    @property
    def complaints(self) -> str:
        """The last lines of its standard error."""
        return "\n".join(self._complaints)

    def news(self) -> list[dict[str, Any]]:
        """What it has said since it was last asked."""
        with self._lock:
            said, self._said = self._said, []
        return said

    def ask_to_stop(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)
        self._process.wait()
        for reader in self._readers:
            reader.join(timeout=5)

    def wait(self, timeout_s: float) -> int | None:
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def _send(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)

    def _read_events(self) -> None:
        for line in _lines(self._process.stdout):
            try:
                event = json.loads(line)
            except ValueError:
                self._complaints.append(line)
                continue
            if isinstance(event, dict):
                with self._lock:
                    self._said.append(event)

    def _read_complaints(self) -> None:
        self._complaints.extend(_lines(self._process.stderr))


def _lines(pipe: IO[str] | None) -> Iterator[str]:
    """One after the other until the pipe ends; what is too long for one comes as several."""
    assert pipe is not None
    with pipe:
        while line := pipe.readline(MAX_LINE_CHARS):
            yield line.rstrip()


def _locked(file: Path) -> int:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise FolderBusy(f"A process started before still works in {file.parent}.") from None
    return descriptor
