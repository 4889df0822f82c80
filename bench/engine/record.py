"""What has been measured so far, in a file, so that a run that was stopped goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.engine.turns import Values


class Record:
    """`run` says what was measured on which machine; a file of another run is begun anew."""

    def __init__(self, path: Path, run: dict[str, Any]) -> None:
        self._path = path
        self.content: dict[str, Any] = {"run": run, "samples": {}, "reasons": {}, "stages": {}}
        if path.exists() and (known := json.loads(path.read_text(encoding="utf-8")))["run"] == run:
            self.content = known

    def is_done(self, stage: str) -> bool:
        return stage in self.content["stages"]

    def has(self, name: str, round_number: int) -> bool:
        return len(self.content["samples"].get(name, ())) > round_number

    def add(self, name: str, values: Values) -> None:
        self.content["samples"].setdefault(name, []).append(values)
        self.write()

    def miss(self, name: str, reason: str) -> None:
        """There are no figures of `name`, and why."""
        self.content["reasons"][name] = reason
        self.write()

    def is_missed(self, name: str) -> bool:
        return name in self.content["reasons"]

    def finish(self, stage: str, facts: Values) -> None:
        self.content["stages"][stage] = facts
        self.content["reasons"].pop(stage, None)  # of an earlier try
        self.write()

    def write(self, path: Path | None = None) -> None:
        target = path or self._path
        target.parent.mkdir(parents=True, exist_ok=True)
        unready = target.with_suffix(".unready")
        unready.write_text(json.dumps(self.content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        unready.replace(target)

    def forget(self) -> None:
        """The next run begins anew."""
        self._path.unlink()
