"""What computes is chosen by what there is, and said in one line where it is not what was hoped for."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from inference import pretrained
from inference.contract import EngineConfig
from inference.serving import backends
from inference.serving.cuda import CudaUnavailable

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_without_a_gpu_stops_the_start_with_a_sentence(tiny_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"^ENGINE_BACKEND=cuda cannot be used: torch sees no GPU\.$"):
        backends.load(EngineConfig(str(tiny_folder), backend="cuda"), tiny_folder)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the model would be loaded there")
def test_where_graphs_cannot_be_captured_torch_computes_and_the_log_says_why(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unavailable(folder: Path, dtype: str) -> None:
        monkeypatch.undo()
        raise CudaUnavailable("triton is not installed.")

    monkeypatch.setattr(pretrained, "best_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(backends, "_cuda", unavailable)
    with caplog.at_level(logging.WARNING, "inference"):
        backend = backends.load(EngineConfig(str(tiny_folder), dtype="float32"), tiny_folder)

    assert backend.name == "torch"
    assert [record.getMessage() for record in caplog.records] == [
        "torch computes without CUDA graphs: triton is not installed."
    ]
