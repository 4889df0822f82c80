"""Files and folders that are whole or not there, whenever the power goes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def write_file(path: Path, content: bytes) -> None:
    """Put `content` in place of what `path` held. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)  # half a file would only fill the disk further
        raise
    _sync(path.parent)


def write_folder(folder: Path, files: dict[str, bytes]) -> None:
    """Make `folder` with `files` in it, in place of what it was. Raises OSError."""
    temporary = folder.with_name(f".{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    for name, content in files.items():
        write_file(temporary / name, content)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.replace(folder)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
