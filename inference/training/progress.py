"""What a run says while it works: JSON lines on stdout for programs, a bar on stderr for people, TensorBoard's logs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Literal

from tensorboardX import SummaryWriter
from tqdm import tqdm

from inference.training.memory import rss_mb

Phase = Literal["prepare", "augment", "replay", "reference", "train", "finish"]


class Progress:
    """Says events, each as one line of JSON with its kind in `event`; of several processes the first alone speaks."""

    def __init__(self, is_silent: bool = False) -> None:
        self._is_silent = is_silent
        self._bar: Any = None
        self._logs: Any = None
        self._phase: tuple[Phase, dict[str, Any]] = ("prepare", {})

    def log_to(self, folder: Path) -> None:
        """Write TensorBoard's logs into `folder` from now on."""
        if not self._is_silent:
            self._logs = SummaryWriter(str(folder))

    def phase(self, phase: Phase, **more: Any) -> None:
        self._phase = phase, more
        self._emit("phase", phase=phase, **more)

    def paused(self, is_paused: bool) -> None:
        """The run begins to wait for others, or goes on where it was."""
        phase, more = self._phase
        self._emit("phase", phase="paused") if is_paused else self.phase(phase, **more)

    def seed(self, number: int, of: int) -> None:
        """What follows is about the `number`th adapter of so many."""
        self.close()
        self._bar = self._logs = None
        self._emit("seed", seed=number, seeds=of)

    def left_out(self, reasons: dict[str, str]) -> None:
        """What is not trained on, by objective, and why."""
        self._emit("left_out", left_out=reasons)

    def step(self, step: int, steps: int, losses: dict[str, float], **more: Any) -> None:
        """A step of training; `losses` are in nats, by objective."""
        rounded = {name: round(loss, 6) for name, loss in losses.items()}
        self._emit("step", step=step, steps=steps, loss=rounded, rss_mb=rss_mb(), **more)
        self._log(step, {f"loss/{name}": loss for name, loss in losses.items()} | {"lr": more["lr"]})
        if sys.stderr.isatty() and not self._is_silent:
            self._bar = self._bar or tqdm(total=steps, initial=step - 1, unit="step")
            self._bar.set_postfix(rounded)
            self._bar.update()

    def dev(self, step: int, **values: Any) -> None:
        """A check of the dev rows and of the drift."""
        self._emit("dev", step=step, **values)
        self._log(step, {f"dev/{name}": value for name, value in values.items() if isinstance(value, float)})

    def stopped(self) -> None:
        self._emit("stopped")

    def failed(self, code: str, message: str) -> None:
        self._emit("failed", code=code, message=message)

    def finished(self, result: dict[str, Any]) -> None:
        self._emit("finished", **result)

    def close(self) -> None:
        for each in (self._bar, self._logs):
            if each is not None:
                each.close()

    def _emit(self, event: str, **values: Any) -> None:
        if not self._is_silent:
            print(json.dumps({"event": event, **values}, ensure_ascii=False), flush=True)

    def _log(self, step: int, values: dict[str, float]) -> None:
        if self._logs is not None:
            for name, value in values.items():
                self._logs.add_scalar(name, value, step)


class Clock:
    """How fast this process trains, and how long the rest takes at that rate and with as long checks as the last."""

    def __init__(self, tokens_left: int, checks_left: int) -> None:
        self._tokens_left, self._checks_left = tokens_left, checks_left
        self._tokens, self._seconds, self._check_s = 0, 0.0, 0.0

    def step_took(self, tokens: int, seconds: float) -> None:
        self._tokens += tokens
        self._tokens_left -= tokens
        self._seconds += seconds

    def check_took(self, seconds: float) -> None:
        self._checks_left -= 1
        self._check_s = seconds

    @property
    def tokens_per_s(self) -> float:
        return self._tokens / max(self._seconds, 1e-9)

    @property
    def eta_s(self) -> float:
        return self._tokens_left / self.tokens_per_s + self._checks_left * self._check_s
