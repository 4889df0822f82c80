"""Starts the whole product as an operator does (`manage.py up`) and knows its processes: for browser tests, fault
injection and benchmarks. Nothing in it is a stand-in; only the engine may be the scripted one."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx2
import psutil
import psycopg

from tests.postgresql import new_database
from tests.prepared import lay_out

ROOT = Path(__file__).parents[1]
SCRIPTED = "inference.serving.scripted.ScriptedEngine"
# A new machine compiles the kernel and packs the weights first, beside other tests: 21 s on two idle cores, 75 s where
# six busy processes share them, and the embedder is downloaded before.
START_PATIENCE_S = 400.0
# What a start with the scripted engine takes at most where nothing else runs on two cores.
QUIET_START_S = 1.8

# What tells a child of the supervisor from its siblings: a word of its command line.
_WORD_OF_ROLE = {
    "valkey": "valkey",
    "web": "uvicorn",
    "worker-interactive": "interactive@%h",
    "worker-training": "training@%h",
}

# True once a worker has made, and taken in, the vector of each approved answer.
ALL_ARE_KNOWN = (
    "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM assistant_passage WHERE retired_at IS NULL AND embedder_sha256 = '')"
)


class Product:
    """A running installation of its own, whose tables are made (prepared.py). `script` is the scripted engine's; None
    runs the real model."""

    def __init__(self, script: str | None = "tokens_per_second=20&tokens=200", **environment: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="parley-product-")
        self.folder = Path(self._folder.name)
        self.log_file = self.folder / "log.txt"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
        self.environment = {**inherited, "DATA_DIR": str(self.folder / "data"), "PORT": str(self.port)}
        # Load and faults come from one address, faster than people are.
        self.environment["LIMITS"] = "0"
        if script is not None:
            self.environment |= {"INFERENCE_ENGINE": SCRIPTED, "MODEL": f"scripted:{script}", "EMBEDDER": "scripted:"}
        if os.environ.get("TEST_DATABASE") == "postgresql" and "DATABASE_URL" not in environment:
            self.environment["DATABASE_URL"] = new_database()
        self.environment |= environment
        lay_out(self.folder / "data")
        self._process: subprocess.Popen[bytes] | None = None
        # How many times longer than on a quiet machine the start took: bounds on time are stretched by it.
        self.slowness = 1.0

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.stop()
            if error is not None:
                print(f"--- end of {self.log_file.name} ---\n{self.log()[-6000:]}", file=sys.stderr)
        finally:
            self._folder.cleanup()

    def start(self) -> None:
        """Return when a reply can be given."""
        began = time.monotonic()
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        give_up_at = time.monotonic() + START_PATIENCE_S
        while not self.is_ready():
            assert self._process.poll() is None, f"the product did not start:\n{self.log()}"
            assert time.monotonic() < give_up_at, f"the product is not ready:\n{self.log()}"
            time.sleep(0.05)
        self.slowness = max(1.0, (time.monotonic() - began) / QUIET_START_S)

    @contextmanager
    def beside(self, role: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """One more process of this role while inside, as it runs on another machine."""
        with self.log_file.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "run", role],
                cwd=ROOT,
                env=self.environment | environment,
                stdout=output,
                stderr=output,
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=10)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise
        finally:
            self._process = None

    def is_ready(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the product's own database holds; each `%s` of the statement stands for a value."""
        if "DATABASE_URL" in self.environment:
            with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
                return connection.execute(statement, values).fetchall()
        file = self.folder / "data" / "parley.sqlite3"
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            known = [value.hex if isinstance(value, UUID) else value for value in values]
            return connection.execute(statement.replace("%s", "?"), known).fetchall()

    def until_rows(self, statement: str, *values: Any, patience_s: float = 30.0) -> list[tuple[Any, ...]]:
        """Wait until the statement finds something; returns that."""
        give_up_at = time.monotonic() + patience_s * self.slowness
        while not (found := self.rows(statement, *values)):
            assert time.monotonic() < give_up_at, f"nothing was found by {statement}"
            time.sleep(0.05)
        return found

    def processes(self) -> dict[str, psutil.Process]:
        """The running children by role."""
        assert self._process
        found: dict[str, psutil.Process] = {}
        for child in psutil.Process(self._process.pid).children():
            with suppress(psutil.NoSuchProcess):
                words = " ".join(child.cmdline())
                found |= {role: child for role, word in _WORD_OF_ROLE.items() if word in words}
        return found

    def send_signal(self, role: str, number: signal.Signals) -> None:
        self.processes()[role].send_signal(number)

    @property
    def supervisor(self) -> psutil.Process:
        assert self._process
        return psutil.Process(self._process.pid)


_SETTINGS = (
    *("DATA_DIR", "DATABASE_URL", "REDIS_URL", "HOST", "PORT", "MODEL", "INFERENCE_ENGINE", "SECRET_KEY", "DEBUG"),
    *("ENGINE_MAX_RUNNING", "EMBEDDER", "APPROVED_ANSWERS", "DJANGO_SETTINGS_MODULE"),
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
