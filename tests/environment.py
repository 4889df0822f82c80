"""Loaded before Django's settings: gives the suite a folder, a Valkey and, if asked for, a PostgreSQL of its own.

TEST_DATABASE=postgresql runs the same tests on a real PostgreSQL server that this module starts; the default is SQLite.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.postgresql import address_of_this_run
from tests.prepared import folder_of_this_run

FOLDER = Path(tempfile.mkdtemp(prefix="parley-tests-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

# Some 240 processes are started by the tests of a run; each would compile all of our code anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Nobody looks for garbage among what is imported while tests are collected, nor ever after: a fifth of the time that
# tests took went there.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


for name in ("DATABASE_URL", "REDIS_URL", "HOST", "PORT", "DEBUG", "SECRET_KEY"):
    os.environ.pop(name, None)
folder_of_this_run()  # before those who test beside begin, who take it over
os.environ.update(
    DATA_DIR=str(FOLDER / "data"),
    INFERENCE_ENGINE="inference.serving.scripted.ScriptedEngine",
    MODEL="scripted:tokens_per_second=0&tokens=20",
    ENGINE_MAX_RUNNING="4",
    EMBEDDER="scripted:",
    # Tests ask more, and faster, than people do; those of the limits switch them on.
    LIMITS="0",
)

# Without a GPU Triton interprets its kernels. It looks when it is first imported, which transformers does.
if not any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/dxg")):
    os.environ["TRITON_INTERPRET"] = "1"

# WhiteNoise warns of a folder for static files that is not there, and warnings are errors.
(FOLDER / "data" / "static").mkdir(parents=True)

if os.environ.get("TEST_DATABASE") == "postgresql":
    os.environ["DATABASE_URL"] = address_of_this_run()
