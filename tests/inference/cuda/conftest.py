"""Where there is no GPU Triton interprets the kernels (tests/environment.py), and a captured step is computed anew
whenever it is repeated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.inference.conftest import make_tiny_model

HAS_GPU = torch.cuda.is_available()
DEVICE = "cuda" if HAS_GPU else "cpu"
pytest.importorskip("triton", reason="Triton is not installed; torch's builds for CUDA bring it along")

from inference.serving.cuda import attention  # noqa: E402
from inference.serving.cuda import backend as cuda_backend  # noqa: E402
from inference.serving.cuda.backend import CudaBackend  # noqa: E402

Open = Callable[[], CudaBackend]


def computed_anew(run: Callable[[], Tensor], memory: Any) -> tuple[Callable[[], object], Tensor]:
    result = run().clone()
    return lambda: result.copy_(run()), result


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def open_backend(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """In float32, with 64 pages and 6 slots: steps are of 1, 2, 4 or 8 tokens, or of 16, 32 or 64."""
    if not HAS_GPU:
        monkeypatch.setattr(cuda_backend, "captured", computed_anew)
        monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
        monkeypatch.setattr(attention, "PROGRAMS", 1)  # which are slow there
    monkeypatch.setattr(cuda_backend, "LARGEST", 64)

    def opened() -> CudaBackend:
        backend = CudaBackend(tiny_folder, "float32")
        backend.reserve(64, 6)
        return backend

    return opened
