"""What the scheduler asks of whatever computes: one forward over ragged rows, with keys and values in pages.

A backend knows nothing of requests, sampling or text; the scheduler nothing of tensors, kernels or devices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from inference.serving.adapters import AdapterFiles

PAGE_TOKENS = 16
NO_ADAPTER = -1

Indices = NDArray[np.int32]
# numpy's on a CPU, whose calls are the cheaper ones, torch's on a GPU: float32 [rows, vocabulary].
Logits: TypeAlias = "NDArray[np.float32] | Tensor"


class AdapterHost(Protocol):
    """What holds the weights of a base model and of adapters beside them, by an index of the caller's choice."""

    @property
    def linears(self) -> Mapping[str, tuple[int, int]]:
        """(inputs, outputs) of each layer that an adapter may change, by its full name in transformers' network."""
        ...

    def put_adapter(self, index: int, files: AdapterFiles) -> Iterator[None]:
        """Put an adapter in, a layer at a time: others may run between two pieces, its own rows when it has ended.
        `index` holds none. Raises ValueError when it does not fit, and then holds nothing of it."""
        ...

    def drop_adapter(self, index: int) -> None:
        """Take out what `index` holds, whole or in part; one that holds nothing is ignored."""
        ...


class Backend(AdapterHost, Protocol):
    """Runs a model's forwards. Used by one thread at a time, after `reserve`.

    A slot is a running reply. Its page table says where its keys and values lie: position p in
    `pages[p // page_tokens]`. Pages may be in several tables at once; only the scheduler knows whose they are, and
    no backend writes to a position that it was not given in `forward`.
    """

    name: str  # "torch", "native" or "cuda"
    device: str  # "cpu" or "cuda"
    dtype: str  # what is computed in: "float32", "bfloat16", "q4_1/q8_0"
    vocabulary: int
    max_context: int  # tokens, prompt and reply together
    page_tokens: int  # positions in a page
    page_bytes: int  # keys and values of all layers of one page

    @property
    def likeliest(self) -> Sequence[int] | None:
        """The first of the likeliest tokens in each row of the last forward, where the backend finds them anyway."""
        ...

    def reserve(self, pages: int, slots: int) -> None:
        """Allocate the pool, once. Raises MemoryError."""
        ...

    def set_pages(self, slot: int, pages: Sequence[int]) -> None:
        """Say where a slot's keys and values lie. Raises ValueError for slots and pages that are not reserved."""
        ...

    def forward(
        self, token_ids: Indices, slots: Indices, positions: Indices, adapters: Indices, output_rows: Indices
    ) -> Logits:
        """Read n tokens of any slots and return the logits after some of them.

        `token_ids`, `slots`, `positions` and `adapters` are [n]: pieces of prompts and single tokens of replies
        together; the tokens of a slot stand side by side in the order of their positions, which have no gaps, and all
        earlier positions of it have been read. `adapters` has the index of `put_adapter`, or NO_ADAPTER.
        `output_rows` [m] are indices into the n tokens. The logits are [m, vocabulary].

        Raises ValueError for shapes and indices that do not fit, before anything is written.
        """
        ...
