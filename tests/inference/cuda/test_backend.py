"""Captured steps say what the torch backend says, whatever comes, goes and shares them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from inference.serving.adapters import Adapters
from inference.serving.backend import Backend
from inference.serving.cuda.backend import CudaBackend
from inference.serving.cuda.steps import places_in_blocks
from inference.serving.torch_backend import TorchBackend
from tests.inference.conftest import Make
from tests.inference.contract.test_backends import Part, indices, read
from tests.inference.cuda.conftest import HAS_GPU, Open

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")

RNG = np.random.default_rng(8)
ROWS = [RNG.integers(0, 400, 24).tolist() for _ in range(5)]
RNG_ROW = RNG.integers(0, 400, 80).tolist()
CLOSE = {"atol": 1e-3, "rtol": 1e-3}


@pytest.fixture
def cuda(open_backend: Open) -> CudaBackend:
    return open_backend()


@pytest.fixture
def reference(tiny_folder) -> TorchBackend:
    backend = TorchBackend(tiny_folder, "float32")
    backend.reserve(64, 6)
    return backend


def read_prompts(backend: Backend, adapters: list[int]) -> None:
    for slot in range(5):
        backend.set_pages(slot, [slot * 3, slot * 3 + 1])
    read(backend, *(Part(row, slot, 0, 20, adapters[slot]) for slot, row in enumerate(ROWS)))


def write(backend: Backend, at: int, slots: list[int], adapters: list[int]) -> Tensor:
    return read(backend, *(Part(ROWS[slot], slot, at, at + 1, adapters[slot]) for slot in slots)).cpu()


def test_tokens_of_different_slots_never_share_a_block() -> None:
    slots = indices([3, 3, 3, 3, 3, 0, 7, 7])
    assert places_in_blocks(slots, 1).tolist() == list(range(8))
    assert places_in_blocks(slots, 4).tolist() == [0, 1, 2, 3, 4, 8, 12, 13]


def test_steps_of_any_size_say_what_torch_says(cuda: CudaBackend, reference: TorchBackend) -> None:
    none = [-1] * 5
    for backend in (cuda, reference):
        read_prompts(backend, none)
    for at, slots in enumerate(([0, 1, 2, 3, 4], [3, 1, 0], [4]), start=20):
        expected = write(reference, at, slots, none)
        assert torch.allclose(write(cuda, at, slots, none), expected, **CLOSE)


def test_a_prompt_beside_single_tokens_gets_its_logits_in_its_place(cuda: CudaBackend, reference: TorchBackend) -> None:
    results = []
    for backend in (cuda, reference):
        read_prompts(backend, [-1] * 5)
        backend.set_pages(5, [40, 50])
        parts = Part(ROWS[0], 0, 20, 21), Part(ROWS[1], 5, 0, 18), Part(ROWS[2], 2, 20, 21)
        results.append(read(backend, *parts).cpu())

    assert torch.allclose(*results, **CLOSE)


def test_a_prompt_of_several_steps_with_an_adapter_says_what_torch_says(
    cuda: CudaBackend, reference: TorchBackend, make: Make
) -> None:
    """Steps have 64 tokens at most here; the prompts have 100 together, and begin in the middle of a page."""
    results = []
    for backend in (cuda, reference):
        adapters = Adapters(backend)
        first, second = adapters.load(make(1), ()), adapters.load(make(2, ("up_proj", "k_proj")), ())
        rows = [RNG_ROW[:70], RNG_ROW[40:80], RNG_ROW[20:40]]
        for slot, page in enumerate((0, 10, 20)):
            backend.set_pages(slot, range(page, page + 5))
        whose = (first, -1, second)
        read(
            backend, *(Part(row, slot, 0, 5, index) for slot, (row, index) in enumerate(zip(rows, whose, strict=True)))
        )
        parts = [Part(row, slot, 5, len(row), whose[slot]) for slot, row in enumerate(rows)]
        results.append(read(backend, *parts).cpu())

    assert torch.allclose(*results, **CLOSE)


def test_what_a_reply_guesses_is_read_by_captured_steps(
    cuda: CudaBackend, reference: TorchBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guesses are tokens of one slot whose logits are all asked for; without graphs one would cost ten steps."""
    for backend in (cuda, reference):
        read_prompts(backend, [-1] * 5)
    ids, at = indices(ROWS[1][20:24]), indices(range(20, 24))
    asked = (ids, ids * 0 + 1, at, ids * 0 - 1, at - 20)
    expected = reference.forward(*asked)
    monkeypatch.setattr(TorchBackend, "forward", None)

    assert torch.allclose(cuda.forward(*asked).cpu(), expected.cpu(), **CLOSE)


def test_every_tokens_logits_can_be_asked_for(cuda: CudaBackend, reference: TorchBackend) -> None:
    results = []
    for backend in (cuda, reference):
        backend.set_pages(0, [1, 2])
        ids = indices(ROWS[0][:20])
        results.append(backend.forward(ids, ids * 0, indices(range(20)), ids * 0 - 1, indices(range(20))).cpu())

    assert torch.allclose(*results, **CLOSE)


def test_only_what_is_asked_for_is_returned(cuda: CudaBackend) -> None:
    read_prompts(cuda, [-1] * 5)
    arguments = [indices(values) for values in ([ROWS[0][20], ROWS[1][20]], [0, 1], [20, 20], [-1, -1])]
    both = cuda.forward(*arguments, indices([0, 1])).clone()

    assert torch.equal(cuda.forward(*arguments, indices([1])), both[1:])
    assert cuda.forward(*arguments, indices([])).shape == (0, cuda.vocabulary)


def test_adapters_of_several_ranks_come_and_go_between_captured_steps(
    cuda: CudaBackend, reference: TorchBackend, make: Make
) -> None:
    """The second needs more layers than the first has, the third more rank than there is room for."""
    made = [make(1), make(2, ("up_proj", "o_proj"), use_rslora=True), make(3, ("q_proj", "up_proj"), rank=32)]
    hosts = [(backend, Adapters(backend)) for backend in (cuda, reference)]
    for backend, _ in hosts:
        read_prompts(backend, [-1] * 5)
    for at, (ref, whose) in enumerate(
        zip(made, ([0, -1, 0, 0, -1], [0, 1, -1, 1, 0], [2, 0, -1, 1, 2]), strict=True), 20
    ):
        for _, adapters in hosts:
            adapters.load(ref, ())
        results = [write(backend, at, [0, 1, 2, 3, 4], whose) for backend, _ in hosts]
        assert torch.allclose(*results, **CLOSE)
    for _, adapters in hosts:
        adapters.drop(made[0].sha256)
    results = [write(backend, 23, [1, 2, 3], [-1, 2, -1, 1, -1]) for backend, _ in hosts]
    assert torch.allclose(*results, **CLOSE)


def test_a_layer_that_an_index_had_before_is_no_longer_changed(cuda: CudaBackend, make: Make) -> None:
    read_prompts(cuda, [-1] * 5)
    adapters = Adapters(cuda)
    first, second = make(1, ("q_proj", "down_proj")), make(2, ("q_proj",))
    expected = [0] * 5
    assert adapters.load(second, ()) == 0
    alone = write(cuda, 20, [0], expected)
    adapters.drop(second.sha256)
    assert adapters.load(first, ()) == 0
    assert not torch.allclose(write(cuda, 20, [0], expected), alone, **CLOSE)
    adapters.drop(first.sha256)
    assert adapters.load(second, ()) == 0
    assert torch.allclose(write(cuda, 20, [0], expected), alone, **CLOSE)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of numpy, where kernels are interpreted
def test_a_row_that_is_no_number_leaves_the_others_and_its_pages_alone(cuda: CudaBackend) -> None:
    read_prompts(cuda, [-1] * 5)
    sound = write(cuda, 20, [0, 1], [-1] * 5)
    with torch.inference_mode():
        for states in cuda._pool.values:
            states[3] = torch.nan  # of slot 1
    broken = write(cuda, 20, [0, 1], [-1] * 5)
    assert torch.equal(broken[0], sound[0])
    assert broken[1].isnan().any()
    assert all(states.isfinite().all() for states in cuda._pool.values)


@pytest.mark.skipif(not HAS_GPU, reason="bfloat16 and graphs need a GPU")
def test_in_bfloat16_it_is_close_to_float32(tiny_folder, reference: TorchBackend) -> None:
    cuda = CudaBackend(tiny_folder, "bfloat16")
    cuda.reserve(64, 6)
    for backend in (cuda, reference):
        read_prompts(backend, [-1] * 5)
    found, expected = (write(backend, 20, [0, 1, 2, 3, 4], [-1] * 5) for backend in (cuda, reference))

    assert (found - expected).norm() / expected.norm() < 0.05


@pytest.mark.skipif(not HAS_GPU, reason="counts what a GPU was given")
def test_a_step_is_what_was_captured(cuda: CudaBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    read_prompts(cuda, [-1] * 5)
    monkeypatch.setattr(cuda, "_logits", None)  # nothing but what was captured can run
    assert write(cuda, 20, [0, 1, 2], [-1] * 5).isfinite().all()
