"""What a training worker can be asked to do. A kind of run says how its process is set up and what its result means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from assistant.finetuning.runs.models import Run


@dataclass(frozen=True)
class Kind:
    """`spec_of` is what the process is told beside its output folder; raises AssistantError when the run cannot be.
    `take_in` makes rows of what it left, and returns what the run is to keep of it."""

    model: type[Run]
    module: str
    spec_of: Callable[[Any], dict[str, Any]]
    take_in: Callable[[Any, Path, dict[str, Any]], dict[str, Any]]
    # What `python -m` starts, to start the module in its turn; empty: the module itself.
    launcher: Callable[[], tuple[str, ...]] = tuple

    @property
    def word(self) -> str:
        return self.module.rsplit(".", 1)[-1]


def folder_of(run: Run) -> Path:
    return Path(settings.DATA_DIR) / "runs" / str(run.pk)
