"""Where and with what was measured, and how busy others kept the processors meanwhile."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import psutil

PACKAGES = ("torch", "transformers", "numpy", "llama-cpp-python")


def description() -> dict[str, str]:
    return {
        "processor": f"{_processor()}, {os.cpu_count()} threads of it here",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "compiler": _first_line(["g++", "--version"]),
        **{package: _version(package) for package in PACKAGES},
    }


def commit() -> str:
    """The commit that is measured, with a mark when there are changes upon it; the report itself is none."""
    changes = _first_line(["git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/evidence"])
    return _first_line(["git", "rev-parse", "--short=10", "HEAD"]) + (" and changes" if changes else "")


class Others:
    """How much of the processors other processes took since this object was made, a share of all."""

    def __init__(self) -> None:
        self._began = self._now()

    @property
    def share(self) -> float:
        wall, busy, own = (now - then for now, then in zip(self._now(), self._began, strict=True))
        return max(0.0, busy - own) / (wall * (os.cpu_count() or 1))

    def _now(self) -> tuple[float, float, float]:
        times = psutil.cpu_times()
        of_children, own = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
        used = sum(usage.ru_utime + usage.ru_stime for usage in (own, of_children))
        busy = sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)
        return time.monotonic(), busy, used


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _first_line(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.partition("\n")[0]
