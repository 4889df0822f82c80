"""The one place where it is chosen what computes."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import torch

from inference import pretrained
from inference.contract import EngineConfig
from inference.serving.backend import Backend
from inference.serving.cuda import CudaUnavailable
from inference.serving.native import NativeUnavailable
from inference.serving.native.backend import NativeBackend
from inference.serving.torch_backend import TorchBackend

log = logging.getLogger(__name__)


def load(config: EngineConfig, folder: Path) -> Backend:
    """The backend that `config` asks for, with the model in `folder`. By default CUDA graphs on a GPU, the kernel on a
    CPU unless a type is named, and torch wherever these cannot be had. Raises OSError or ValueError with a sentence."""
    has_gpu = pretrained.best_device().type == "cuda"
    wanted = config.backend
    if wanted == "auto":
        wanted = "cuda" if has_gpu else "native" if config.dtype == "auto" else "torch"
    try:
        if wanted == "native":
            return NativeBackend(folder, torch.get_num_threads())
        if wanted == "cuda":
            return _cuda(folder, config.dtype)
    except (CudaUnavailable, NativeUnavailable) as reason:
        if config.backend == wanted:
            raise ValueError(f"ENGINE_BACKEND={wanted} cannot be used: {reason}") from reason
        missing = "the kernel" if wanted == "native" else "CUDA graphs"
        log.warning("torch computes without %s: %s", missing, reason)
    return TorchBackend(folder, config.dtype)


def _cuda(folder: Path, dtype: str) -> Backend:
    if pretrained.best_device().type != "cuda":
        raise CudaUnavailable("torch sees no GPU.")
    if not importlib.util.find_spec("triton"):
        raise CudaUnavailable("triton is not installed.")
    # Not above: Triton is there with torch's builds for CUDA only.
    from inference.serving.cuda.backend import CudaBackend

    return CudaBackend(folder, dtype)
