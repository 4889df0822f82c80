"""What a run has done so far, on disk: numbered folders, each whole or not there. Nothing is pickled."""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inference.training import durable

HISTORY = "history.json"


@dataclass(frozen=True, slots=True)
class Check:
    """What was measured after `step` steps, in nats: the dev rows' loss per token, if there are any, how far the model
    has drifted from the base model's own answers, and the mean training losses since the check before."""

    step: int
    dev_nll: float | None
    anchor_nll: float
    drift: float
    losses: dict[str, float]
    checkpoint: str


@dataclass(slots=True)
class History:
    """All that a resumed run must know beside weights and optimizer. `losses` are sums and counts since a check."""

    checks: list[Check] = field(default_factory=list)
    losses: dict[str, tuple[float, float]] = field(default_factory=dict)
    tokens: int = 0
    seconds: float = 0.0

    def best(self, drift_budget: float) -> Check | None:
        """The check of the lowest dev loss within the budget; without dev rows the last one. Never the untrained."""
        within = [check for check in self.checks if check.step > 0 and check.drift <= drift_budget]
        if not within or within[0].dev_nll is None:
            return within[-1] if within else None
        return min(within, key=lambda check: (check.dev_nll, check.step))

    def stopped_early(self, patience: int, drift_budget: float) -> str | None:
        """Why training ends here: `drift`, `dev_nll`, or not at all."""
        if not self.checks:
            return None
        if self.checks[-1].drift > drift_budget:
            return "drift"
        losses = [check.dev_nll for check in self.checks if check.dev_nll is not None]
        if losses and len(losses) - 1 - losses.index(min(losses)) >= patience:
            return "dev_nll"
        return None


class Checkpoints:
    """The checkpoints in `folder`: the newest and the one of the best check are kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def newest(self) -> Path | None:
        return max(self._all(), default=None)

    @property
    def next_name(self) -> str:
        return f"{int(self.newest.name) + 1 if self.newest else 0:06d}"

    def write(self, files: dict[str, bytes], history: History, best: Check | None) -> None:
        """Make the next checkpoint, then delete those that nobody needs. Raises OSError."""
        name = self.next_name
        self.folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps(dataclasses.asdict(history), indent=2).encode()
        durable.write_folder(self.folder / name, {**files, HISTORY: content})
        for path in self._all():
            if path.name not in (name, best.checkpoint if best else name):
                shutil.rmtree(path)

    def _all(self) -> list[Path]:
        return [path for path in self.folder.glob("[0-9]*") if path.is_dir()]


def read_history(checkpoint: Path) -> History:
    content: dict[str, Any] = json.loads((checkpoint / HISTORY).read_text(encoding="utf-8"))
    content["checks"] = [Check(**check) for check in content["checks"]]
    content["losses"] = {name: tuple(pair) for name, pair in content["losses"].items()}
    return History(**content)
