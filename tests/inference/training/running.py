"""Runs `python -m inference.training` in processes that can be killed, and reads what they say.

The processes are forked from a server that has imported torch already; everything else is as from a shell.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE_S = 120
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["inference.training.run", "inference.training.dry_run"])

Event = dict[str, Any]


def _main(spec: str, stdout: str, stderr: str, first: Callable[[], None]) -> None:
    first()
    from inference.training.__main__ import main

    sys.argv = ["inference.training", spec]
    with open(stdout, "a") as out, open(stderr, "a") as err, contextlib.redirect_stdout(out):
        os.dup2(err.fileno(), 2)
        sys.exit(main())


class Training:
    """One started run; its process calls `first` before all else."""

    def __init__(self, spec: Path, first: Callable[[], None] = dict) -> None:
        self._stdout = spec.with_suffix(f".{time.monotonic_ns()}.out")
        self._stderr = spec.with_suffix(".err")
        self._process = FORKS.Process(target=_main, args=(str(spec), str(self._stdout), str(self._stderr), first))
        self._process.start()

    @property
    def events(self) -> list[Event]:
        """All that has been said; a line that is not yet whole is left out."""
        if not self._stdout.exists():
            return []
        lines = self._stdout.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_for(self, seen: Callable[[Event], bool]) -> None:
        until = time.monotonic() + PATIENCE_S
        while not any(seen(event) for event in self.events):
            assert time.monotonic() < until, self.said
            assert self._process.is_alive(), self.said
            time.sleep(0.002)

    def send(self, number: signal.Signals) -> None:
        if self._process.is_alive():
            os.kill(self._process.pid, number)

    def end(self) -> int:
        """Wait for the end; returns the exit status, negative for a signal."""
        self._process.join(PATIENCE_S)
        assert self._process.exitcode is not None, self.said
        return self._process.exitcode

    @property
    def said(self) -> str:
        return f"{self.events[-3:]}\n{self._stderr.read_text() if self._stderr.exists() else ''}"


def run(spec: Path) -> tuple[int, list[Event]]:
    """A whole run: its exit status and its events."""
    training = Training(spec)
    status = training.end()
    if status == 1:
        print(training.said)
    return status, training.events


def is_step(number: int) -> Callable[[Event], bool]:
    return lambda event: event["event"] == "step" and event["step"] >= number
