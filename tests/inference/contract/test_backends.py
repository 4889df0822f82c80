"""What every backend promises: rows of all kinds share a forward and do not touch each other; what does not fit is
refused before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from inference.serving.adapters import Adapters
from inference.serving.backend import NO_ADAPTER, Backend
from tests.inference.conftest import Make

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")

RNG = np.random.default_rng(3)
ONE, TWO, THREE = (RNG.integers(0, 400, length).tolist() for length in (75, 40, 18))
# Float32 adds up in another order where rows are put together otherwise.
CLOSE = {"atol": 1e-3, "rtol": 1e-3}


@dataclass(frozen=True)
class Part:
    """Tokens `begin` to `end` of a row."""

    row: Sequence[int]
    slot: int
    begin: int
    end: int
    adapter: int = NO_ADAPTER


def indices(values: Sequence[int]) -> np.ndarray:
    return np.asarray(values, dtype=np.int32)


def read(backend: Backend, *parts: Part) -> Tensor:
    """The logits after each part."""

    def each(value: Callable[[Part], Sequence[int]]) -> np.ndarray:
        return indices([number for part in parts for number in value(part)])

    ends = np.cumsum([part.end - part.begin for part in parts]) - 1
    logits = backend.forward(
        each(lambda part: part.row[part.begin : part.end]),
        each(lambda part: [part.slot] * (part.end - part.begin)),
        each(lambda part: range(part.begin, part.end)),
        each(lambda part: [part.adapter] * (part.end - part.begin)),
        indices(ends),
    )
    return torch.as_tensor(logits).clone()


def alone(backend: Backend, row: Sequence[int], adapter: int = NO_ADAPTER) -> Tensor:
    """The logits after the whole row, read at once in pages of its own."""
    backend.set_pages(3, range(56, 64))
    return read(backend, Part(row, 3, 0, len(row), adapter))[0]


def test_it_says_what_it_is(backend: Backend) -> None:
    assert (backend.vocabulary, backend.max_context, backend.page_tokens) == (421, 1024, 16)
    assert backend.page_bytes > 0
    assert backend.linears["model.layers.0.self_attn.q_proj"] == (64, 64)


def test_pieces_and_single_tokens_share_a_forward(backend: Backend) -> None:
    backend.set_pages(0, [9, 2, 30, 5, 17])
    backend.set_pages(1, [3, 4, 1])
    backend.set_pages(2, [40, 6])
    read(backend, Part(ONE, 0, 0, 20), Part(THREE, 2, 0, 17))
    read(backend, Part(ONE, 0, 20, 74), Part(TWO, 1, 0, 11))
    together = read(backend, Part(ONE, 0, 74, 75), Part(TWO, 1, 11, 40), Part(THREE, 2, 17, 18))

    for logits, row in zip(together, (ONE, TWO, THREE), strict=True):
        assert torch.allclose(logits, alone(backend, row), **CLOSE)


def test_two_slots_may_read_the_same_pages(backend: Backend) -> None:
    other = ONE[:32] + TWO
    backend.set_pages(0, [10, 11, 12, 13, 14])
    read(backend, Part(ONE, 0, 0, 74))
    backend.set_pages(1, [10, 11, 20, 21, 22])
    read(backend, Part(other, 1, 32, 60))
    both = read(backend, Part(other, 1, 60, 72), Part(ONE, 0, 74, 75))

    assert torch.allclose(both[0], alone(backend, other), **CLOSE)
    assert torch.allclose(both[1], alone(backend, ONE), **CLOSE)


def test_what_was_in_a_page_before_is_not_seen(backend: Backend) -> None:
    fresh = alone(backend, THREE)
    backend.set_pages(0, range(5))
    read(backend, Part(ONE, 0, 0, 75))
    backend.set_pages(0, [4, 0])

    assert torch.allclose(read(backend, Part(THREE, 0, 0, 18))[0], fresh, **CLOSE)


def test_rows_of_different_adapters_share_a_forward(backend: Backend, make: Make) -> None:
    adapters = Adapters(backend)
    first = adapters.load(make(1), ())
    second = adapters.load(make(2, ("k_proj", "o_proj", "up_proj", "down_proj"), use_rslora=True), ())
    expected = [alone(backend, TWO, index) for index in (first, second, NO_ADAPTER)]
    assert not torch.allclose(expected[0], expected[2], **CLOSE)
    assert not torch.allclose(expected[1], expected[2], **CLOSE)
    for slot in range(3):
        backend.set_pages(slot, range(slot * 8, slot * 8 + 3))
    order = list(enumerate((first, second, NO_ADAPTER)))
    read(backend, *(Part(TWO, slot, 0, 25, index) for slot, index in order))
    read(backend, *(Part(TWO, slot, 25, 39, index) for slot, index in order))
    together = read(backend, *(Part(TWO, slot, 39, 40, index) for slot, index in order))

    for logits, one in zip(together, expected, strict=True):
        assert torch.allclose(logits, one, **CLOSE)


def test_an_adapter_that_was_taken_out_leaves_the_others(backend: Backend, make: Make) -> None:
    adapters = Adapters(backend)
    one, two = make(1), make(2)
    adapters.load(one, ())
    index = adapters.load(two, ())
    before, base = alone(backend, TWO, index), alone(backend, TWO)
    adapters.drop(one.sha256)

    assert torch.equal(alone(backend, TWO, index), before)
    assert torch.equal(alone(backend, TWO), base)
    assert adapters.load(one, ()) != index


BAD = {
    "a token that is none": {"token_ids": [1, 421]},
    "a negative token": {"token_ids": [-1, 2]},
    "a slot that is not reserved": {"slots": [4, 4]},
    "a position outside the pages": {"positions": [31, 32]},
    "a negative position": {"positions": [-1, 0]},
    "an output that is not there": {"output_rows": [2]},
    "lengths that differ": {"adapters": [-1]},
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_what_does_not_fit_is_refused_and_writes_nothing(backend: Backend, change: dict[str, list[int]]) -> None:
    backend.set_pages(0, [0, 1])
    backend.set_pages(1, [2])
    read(backend, Part(THREE, 0, 0, 17))
    arguments = {
        "token_ids": [1, 2], "slots": [0, 0], "positions": [0, 1], "adapters": [-1, -1], "output_rows": [1],
    } | change  # fmt: skip
    with pytest.raises(ValueError):
        backend.forward(**{name: indices(values) for name, values in arguments.items()})

    assert torch.allclose(read(backend, Part(THREE, 0, 17, 18))[0], alone(backend, THREE), **CLOSE)


@pytest.mark.parametrize(("slot", "pages"), [(4, [0]), (-1, [0]), (0, [64]), (0, [-1])])
def test_pages_that_are_not_reserved_are_refused(backend: Backend, slot: int, pages: list[int]) -> None:
    with pytest.raises(ValueError):
        backend.set_pages(slot, pages)
