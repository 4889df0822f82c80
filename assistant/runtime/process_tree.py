"""Keeps a few child processes running, shows what they print, and leaves none behind.

It knows neither what the children do nor Django. A crashed child is started again with growing pauses; a child that
cannot start stops the whole, because a product that is half there is worse than a sentence that says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from assistant.parent_death import end_with_parent
from assistant.runtime.console import Console

SHORTEST_PAUSE_S = 0.2
# People wait meanwhile, and a worker must be back within the 8 s that they are promised.
LONGEST_PAUSE_S = 5.0
# A child that lives longer is well: the next pause is the shortest again. One that ends by itself sooner, so often, and
# has never lived longer, cannot start.
EARLY_S = 10.0
EARLY_ENDS = 3
# Together below the 10 s in which everything must be gone.
GRACE_S = 6.0
FOUNDATION_GRACE_S = 2.0
MAX_LINE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running. One with `is_ready` is a foundation: the children after it start when it is ready
    and are gone before it is stopped."""

    name: str
    argv: Sequence[str]
    is_ready: Callable[[], bool] | None = None


@dataclass(slots=True)
class _Running:
    child: Child
    process: Process | None = None
    keeper: asyncio.Task[None] | None = None
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=12))
    has_lived: bool = False
    early_ends: int = 0


class ProcessTree:
    """`run` returns the exit status: 0 after being told to stop, 1 when a child could not start."""

    def __init__(self, children: Sequence[Child], console: Console, own_name: str = "parley") -> None:
        self._running = [_Running(child) for child in children]
        self._console = console
        self._own_name = own_name
        self._stopping = asyncio.Event()
        self._failure: str | None = None

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            for running in self._running:
                running.keeper = loop.create_task(self._keep(running))
                if running.child.is_ready:
                    await self._until_ready(running.child.is_ready)
                if self._stopping.is_set():
                    break
            await self._stopping.wait()
        finally:
            self._stopping.set()
            await self._stop()
        if self._failure is None:
            self._say("Everything has stopped.")
            return 0
        self._say(self._failure)
        return 1

    def _say(self, text: str) -> None:
        self._console.say(self._own_name, text)

    def _on_signal(self, number: signal.Signals) -> None:
        if self._stopping.is_set():
            self._say("Asked again: ending everything at once.")
            for running in self._running:
                _send(running.process, signal.SIGKILL)
            return
        self._say(f"Stopping ({number.name}).")
        self._stopping.set()

    async def _until_ready(self, is_ready: Callable[[], bool]) -> None:
        while not self._stopping.is_set() and not await asyncio.to_thread(is_ready):
            await asyncio.sleep(0.02)

    async def _keep(self, running: _Running) -> None:
        name, pause_s = running.child.name, SHORTEST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            status = await self._run_once(running)
            lived_s = time.monotonic() - began
            if self._stopping.is_set():
                return
            how = _how_it_ended(status)
            if _cannot_start(running, status, lived_s):
                self._fail(running, how)
                return
            if lived_s >= EARLY_S:
                pause_s = SHORTEST_PAUSE_S
            self._say(f"{name} {how} after {lived_s:.1f} s; starting it again in {pause_s:.1f} s.")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _run_once(self, running: _Running) -> int:
        """Start the child, pass on what it prints, and return its status when it and all it started are gone."""
        try:
            process = await asyncio.create_subprocess_exec(
                *running.child.argv,
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                # Its own group: Ctrl-C reaches this process alone, which then stops the children in order.
                start_new_session=True,
                preexec_fn=end_with_parent(),
            )
        except OSError as error:
            self._pass_on(running, f"{running.child.argv[0]} cannot be run: {error.strerror}.")
            return os.EX_CONFIG
        running.process = process
        if self._stopping.is_set():  # the order to stop came while it was being started
            _send(process, signal.SIGTERM)
        assert process.stdout
        printing = asyncio.create_task(self._print(running, process.stdout))
        status = await process.wait()
        _send_to_group(process.pid, signal.SIGKILL)
        await printing
        return status

    async def _print(self, running: _Running, output: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await output.read(MAX_LINE_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._pass_on(running, line.decode(errors="replace").rstrip("\r"))
        if rest:
            self._pass_on(running, rest.decode(errors="replace"))

    def _pass_on(self, running: _Running, line: str) -> None:
        running.last_lines.append(line)
        self._console.say(running.child.name, line)

    def _fail(self, running: _Running, how: str) -> None:
        name = running.child.name
        self._failure = f"{name} cannot start: it {how}. What it said last:\n" + "\n".join(
            f"    {line}" for line in running.last_lines or ["(nothing)"]
        )
        self._say(f"{name} cannot start; stopping everything.")
        self._stopping.set()

    async def _stop(self) -> None:
        """Last started, first stopped; what ignores SIGTERM is killed."""
        foundations = [running for running in self._running if running.child.is_ready]
        others = [running for running in self._running if not running.child.is_ready]
        await self._end(others[::-1], GRACE_S)
        await self._end(foundations[::-1], FOUNDATION_GRACE_S)

    async def _end(self, group: list[_Running], grace_s: float) -> None:
        for running in group:
            _send(running.process, signal.SIGTERM)
        give_up_at = time.monotonic() + grace_s
        while late := [running for running in group if running.keeper and not running.keeper.done()]:
            if time.monotonic() > give_up_at:
                for running in late:
                    self._say(f"{running.child.name} did not stop within {grace_s:g} s; ending it.")
                    _send(running.process, signal.SIGKILL)
                give_up_at = time.monotonic() + grace_s
            await asyncio.sleep(0.02)


def _cannot_start(running: _Running, status: int, lived_s: float) -> bool:
    ended_by_others = status in (0, -signal.SIGKILL, -signal.SIGTERM)
    if lived_s >= EARLY_S:
        running.has_lived = True
    elif not ended_by_others:
        running.early_ends += 1
    return status == os.EX_CONFIG or (not running.has_lived and running.early_ends >= EARLY_ENDS)


def _how_it_ended(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _send(process: Process | None, number: signal.Signals) -> None:
    if process and process.returncode is None:
        process.send_signal(number)


def _send_to_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
