"""What a training worker does: claim a run, keep its process going, tell how far it is, take in what it left.

All database work happens in one thread, in rounds, as in chat/runner.py; a round that the database refuses is run again
while the process goes on. People come first: while replies are being written or waited for, the process pauses.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.db import DatabaseError, InterfaceError, close_old_connections, connection, transaction

from assistant.chat.queue import are_people_waiting
from assistant.errors import AssistantError
from assistant.finetuning.runs import course, leases
from assistant.finetuning.runs.child import BAD_INPUT, STOPPED, Child, FolderBusy
from assistant.finetuning.runs.kinds import Kind, folder_of
from assistant.finetuning.runs.models import Run

log = logging.getLogger(__name__)

ROUND_S = 1.0
BEAT_S = 5.0
# Between being told to stop and being killed: a checkpoint is written within one step.
GRACE_S = 5.0
CANCEL_GRACE_S = 30.0
# Before a run is looked at again that cannot begin yet.
PUT_OFF_S = 5.0
# Between two looks at whether it is time to learn again.
AUTOMATION_S = 60.0
# Replies come in bursts; going on between two of them would only make both slower.
IDLE_S = 5.0


class RunRunner:
    """One per training worker, which works on one run at a time."""

    def __init__(self, kinds: Sequence[Kind], begin_by_itself: Callable[[], object] | None = None) -> None:
        self._begin_by_itself = begin_by_itself
        self._automation_at = 0.0
        self._kinds = {kind.model: kind for kind in kinds}
        self._run: Run | None = None
        self._child: Child | None = None
        self._work = threading.Event()
        self._draining = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="run-runner")
        self._last_beat = self._busy_until = self._kill_at = self._claim_at = 0.0
        self._progress: dict[str, Any] = {}
        self._has_news = False
        self._failure: dict[str, Any] = {}

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._work.set()

    def drain(self) -> None:
        """Claim nothing more and hand the run back, at its last step."""
        self._draining.set()
        self.wake()

    def join(self) -> None:
        self._thread.join(timeout=GRACE_S + 2)

    def _loop(self) -> None:
        while not self._draining.is_set():
            self._work.wait(ROUND_S)
            self._work.clear()
            self._attempt(self._round)
        if self._child:
            self._child.ask_to_stop()
            if self._child.wait(GRACE_S) is None:
                self._child.kill()
            self._attempt(self._look_after)
        self._attempt(self._hand_back)
        connection.close()

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            close_old_connections()
            work()
        except (DatabaseError, InterfaceError) as error:
            log.warning("the database does not answer; the run goes on: %s", str(error).strip())
            connection.close()
        except Exception:
            log.exception("a round failed")

    def _round(self) -> None:
        if self._run is None and time.monotonic() >= self._claim_at:
            self._claim()
        if self._run is None and self._begin_by_itself and time.monotonic() >= self._automation_at:
            self._automation_at = time.monotonic() + AUTOMATION_S
            self._begin_by_itself()
        if self._run is not None:
            self._look_after()

    def _claim(self) -> None:
        run = leases.claim(self._kinds)
        if run is None:
            return
        self._run, self._progress, self._failure = run, course.begun(run.progress), {}
        self._kill_at = 0.0
        kind = self._kinds[type(run)]
        try:
            if run.attempts > leases.MAX_ATTEMPTS:
                raise AssistantError("run.attempts_exhausted")
            folder = folder_of(run)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            spec = {**kind.spec_of(run), "output": str(folder), "pause_file": str(folder / "pause")}
            (folder / "spec.json").write_text(json.dumps(spec, indent=1), encoding="utf-8")
            self._child = Child(kind.module, folder, kind.launcher())
            log.warning("%s run %s begins", kind.word, run.pk)
        except FolderBusy as error:
            self._put_off(error)
        except AssistantError as error:
            if error.retryable:  # after a restart, say: no worker has said yet which model it loads
                self._put_off(error)
            else:
                self._end(Run.State.FAILED, error_code=error.code, error_message=str(error))
        except OSError as error:
            self._end(Run.State.FAILED, error_code="run.no_room", error_message=f"{error}")

    def _put_off(self, reason: Exception) -> None:
        assert self._run is not None
        log.warning("%s run %s waits: %s", self._kinds[type(self._run)].word, self._run.pk, reason)
        self._hand_back()
        self._claim_at = time.monotonic() + PUT_OFF_S

    def _look_after(self) -> None:
        run, child = self._run, self._child
        if run is None or child is None:
            return
        status = child.status  # before its news are read, so that none is missed
        for event in child.news():
            if event.get("event") == "failed":
                self._failure = event
            else:
                self._progress = course.noted(self._progress, event)
                self._has_news = True
        if status is not None:
            self._settle(status)
            return
        now = time.monotonic()
        if now - self._last_beat >= BEAT_S or self._has_news:
            if not leases.beat(run, self._progress):
                log.warning("run %s was taken over or deleted", run.pk)
                child.kill()
                self._forget()
                return
            self._last_beat, self._has_news = now, False
        if leases.is_cancelled(run):
            self._kill_at = self._kill_at or now + CANCEL_GRACE_S
            child.kill() if now > self._kill_at else child.ask_to_stop()
        self._give_way(folder_of(run) / "pause", now)

    def _give_way(self, pause: Path, now: float) -> None:
        if are_people_waiting():
            self._busy_until = now + IDLE_S
        if now < self._busy_until:
            pause.touch()
        else:
            pause.unlink(missing_ok=True)

    def _settle(self, status: int) -> None:
        """Its process has ended."""
        assert self._run is not None
        assert self._child is not None
        run, folder = self._run, folder_of(self._run)
        code = str(self._failure.get("code", "run.process_ended"))
        message = str(self._failure.get("message", "")) or self._child.complaints[-500:] or f"It ended with {status}."
        if leases.is_cancelled(run):
            shutil.rmtree(folder, ignore_errors=True)
            self._end(Run.State.CANCELLED)
        elif status == 0:
            self._take_in(run, folder)
        # A launcher of several processes has statuses of its own.
        elif status == STOPPED or self._progress.get("event") == "stopped":
            self._hand_back()
        elif status == BAD_INPUT or self._failure:
            self._end(Run.State.FAILED, error_code=code, error_message=message[:500])
        else:
            log.warning("the process of run %s ended with %s: %s", run.pk, status, message)
            leases.retry(run, code, message)
            self._forget()

    def _take_in(self, run: Run, folder: Path) -> None:
        """What it left and its end are stored together, so that a round that is run again makes nothing twice."""
        try:
            result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
            with transaction.atomic():
                kept = self._kinds[type(run)].take_in(run, folder, result)
                if not leases.end(run, Run.State.COMPLETED, result=result, **kept):
                    transaction.set_rollback(True)  # it is another worker's by now
        except (AssistantError, OSError, ValueError, KeyError) as error:
            self._end(Run.State.FAILED, error_code="run.result_unusable", error_message=f"{error}"[:500])
        else:
            log.warning("run %s is completed", run.pk)
            self._forget()

    def _end(self, state: Run.State, **changes: Any) -> None:
        assert self._run is not None
        leases.end(self._run, state, **changes)
        log.warning("run %s is %s. %s", self._run.pk, state, changes.get("error_message", ""))
        self._forget()

    def _hand_back(self) -> None:
        if self._run:
            leases.hand_back(self._run)
        self._forget()

    def _forget(self) -> None:
        self._run = self._child = None


_runner: RunRunner | None = None


def start(kinds: Sequence[Kind], begin_by_itself: Callable[[], object]) -> RunRunner:
    global _runner
    _runner = RunRunner(kinds, begin_by_itself)
    _runner.start()
    return _runner


def wake() -> None:
    if _runner:
        _runner.wake()
