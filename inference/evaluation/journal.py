"""What an evaluation has found out so far, a line each, so that a stopped one goes on where it was."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from inference.evaluation.errors import InputError


class Journal:
    """Values by key in the file `path`. `identity` says what they were found out about: another evaluation's file is
    refused with InputError (`evaluation.other_output`)."""

    def __init__(self, path: Path, identity: str) -> None:
        self._values: dict[str, Any] = {}
        kept = self._read(path)
        if kept and kept[0] != {"v": 1, "identity": identity}:
            raise InputError(
                "evaluation.other_output", f"{path} belongs to another evaluation. Name another output folder."
            )
        for line in kept[1:]:
            self._values[line["key"]] = line["value"]
        self._file = path.open("a", encoding="utf-8")
        if not kept:
            self._write({"v": 1, "identity": identity})

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def put(self, key: str, value: Any) -> None:
        """Keep `value` beyond the end of this process."""
        self._values[key] = value
        self._write({"key": key, "value": value})

    def close(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    @staticmethod
    def _read(path: Path) -> list[Any]:
        """The whole lines of the file. One that was cut off in the writing is taken away: more is appended to it."""
        if not path.exists():
            return []
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(path, len(whole))
        return [json.loads(line) for line in whole.splitlines()]
