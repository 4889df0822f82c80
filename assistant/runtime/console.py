"""Lines on the operator's terminal: who speaks, then what is said, aligned and (on a terminal) coloured."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TextIO

_COLOURS = (36, 32, 33, 35, 34)  # readable on dark and on light ground


class Console:
    def __init__(self, speakers: Iterable[str], stream: TextIO) -> None:
        names = list(speakers)
        self._stream = stream
        self._width = max(map(len, names), default=0)
        self._colours = {name: _COLOURS[place % len(_COLOURS)] for place, name in enumerate(names)}
        self._is_coloured = stream.isatty() and not os.environ.get("NO_COLOR")

    def say(self, speaker: str, text: str) -> None:
        head = f"{speaker:<{self._width}} |"
        if self._is_coloured:
            head = f"\x1b[{self._colours.get(speaker, 37)}m{head}\x1b[0m"
        try:
            self._stream.write(f"{head} {text}\n")
            self._stream.flush()
        except OSError:
            pass  # nobody reads any more; the product goes on
