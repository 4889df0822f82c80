"""What the first start of an installation makes, tables and static files. It takes more than half of a start, so it is
made once for all tests of a run, by the product's own command, and copied."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATABASE = "parley.sqlite3"
_FOLDER = "PARLEY_TEST_RUN"


def folder_of_this_run() -> Path:
    """Of all processes that test side by side: those that begin the others hand it on to them."""
    if _FOLDER not in os.environ:
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="parley-run-")
        atexit.register(shutil.rmtree, os.environ[_FOLDER], ignore_errors=True)
    return Path(os.environ[_FOLDER])


def prepared_folder() -> Path:
    """A data folder with an empty SQLite database of this version and the static files."""
    folder = folder_of_this_run() / "prepared"
    with one_at_a_time("prepared"):
        if not folder.exists():
            making = folder.with_name("making")
            prepare(DATA_DIR=str(making))
            making.rename(folder)
    return folder


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Whoever tests beside waits until what is made inside is there."""
    with (folder_of_this_run() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(**environment: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    engine = {"INFERENCE_ENGINE": "inference.serving.scripted.ScriptedEngine", "MODEL": "scripted:"}
    subprocess.run(
        [sys.executable, "manage.py", "prepare"],
        cwd=ROOT,
        env={**kept, **engine, "EMBEDDER": "scripted:", **environment},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def lay_out(data: Path) -> None:
    """Make a data folder that has been started once: no second one shares a file with it that anybody writes to."""
    prepared = prepared_folder()
    data.mkdir(parents=True, mode=0o700)
    shutil.copy(prepared / DATABASE, data)
    shutil.copytree(prepared / "static", data / "static")
