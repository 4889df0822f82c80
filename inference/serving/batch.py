"""The rows that are decoded together: which slot each has, and the two kinds of forward that move them on.

Knows nothing of threads, events or text. Rows that decode have the first slots; a row that is still being read
has the one behind them.
"""

from __future__ import annotations

from dataclasses import dataclass

from inference.contract import GenerationRequest
from inference.serving.adapters import Adapters
from inference.serving.base_model import BaseModel
from inference.serving.reply import Reply
from inference.serving.sampling import SamplingRow, choose

# A long prompt is read in pieces, so that rows that are writing wait for one piece and not for all of it.
CHUNK_TOKENS = 256


@dataclass(eq=False, slots=True)
class Row:
    """One running generation. `history` is the prompt and the reply; the cache holds its first `cached` tokens."""

    request: GenerationRequest
    reply: Reply
    history: list[int]
    adapter: str | None
    cached: int = 0

    @property
    def sampling_row(self) -> SamplingRow:
        return SamplingRow(self.request.sampling, self.history, self.reply.tokens)


class Batch:
    def __init__(self, model: BaseModel, adapters: Adapters) -> None:
        self._model = model
        self._adapters = adapters
        self.decoding: list[Row] = []
        self.reading: Row | None = None

    @property
    def rows(self) -> list[Row]:
        return [*self.decoding, self.reading] if self.reading else list(self.decoding)

    def add(self, row: Row) -> None:
        """Begin to read `row`; only when no other is being read."""
        assert self.reading is None
        self.reading = row

    def read(self) -> list[tuple[Row, int]]:
        """Read the next chunk; when it was the last, the row has its next token and decodes from now on."""
        row = self.reading
        if row is None:
            return []
        chunk = row.history[row.cached : row.cached + CHUNK_TOKENS]
        self._adapters.use([row.adapter])
        logits = self._model.prefill(len(self.decoding), chunk, row.cached)
        row.cached += len(chunk)
        if row.cached < len(row.history):
            return []
        chosen = choose(logits, [row.sampling_row])
        self.reading = None
        self.decoding.append(row)
        return [(row, chosen[0])]

    def decode(self) -> list[tuple[Row, int]]:
        """The next token of every row that decodes, in one forward."""
        rows = list(self.decoding)
        if not rows:
            return []
        self._adapters.use([row.adapter for row in rows])
        logits = self._model.decode([row.history[-1] for row in rows], [row.cached for row in rows])
        for row in rows:
            row.cached += 1
        return list(zip(rows, choose(logits, [row.sampling_row for row in rows]), strict=True))

    def remove(self, row: Row) -> None:
        """Take `row` out and close the gap."""
        if row is self.reading:
            self.reading = None
        else:
            slot = self.decoding.index(row)
            last = self.decoding.pop()
            end = len(self.decoding)
            if last is not row:
                self.decoding[slot] = last
                self._model.move(end, slot, last.cached)
            if self.reading:
                self._model.move(end + 1, end, self.reading.cached)
        if not self.rows:
            self._model.clear()
