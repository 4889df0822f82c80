"""Why a training run ends before its end."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


class TrainingFailure(Exception):
    """The run cannot go on: a stable `noun.reason` code and a sentence. `is_input` when what it was given is bad."""

    def __init__(self, code: str, message: str, *, is_input: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.is_input = is_input


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into a TrainingFailure."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            raise TrainingFailure(
                "training.no_space", f"The disk of {folder} is full. Make room, then start the run again."
            ) from error
        raise TrainingFailure(
            "training.output_unwritable", f"{error.filename or folder} cannot be written: {error.strerror or error}."
        ) from error
