"""The one place where it is chosen what computes."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from inference import pretrained
from inference.contract import EngineConfig
from inference.serving.backend import Backend
from inference.serving.native import NativeUnavailable
from inference.serving.native.backend import NativeBackend
from inference.serving.torch_backend import TorchBackend

log = logging.getLogger(__name__)


def load(config: EngineConfig, folder: Path) -> Backend:
    """The backend that `config` asks for, with the model in `folder`. By default the kernel on a CPU; torch on a GPU,
    in a named type, and wherever the kernel cannot be had. Raises OSError or ValueError with a sentence."""
    is_kernel_fitting = config.dtype == "auto" and pretrained.best_device().type == "cpu"
    if config.backend == "native" or (config.backend == "auto" and is_kernel_fitting):
        try:
            return NativeBackend(folder, torch.get_num_threads())
        except NativeUnavailable as reason:
            if config.backend == "native":
                raise ValueError(f"ENGINE_BACKEND=native cannot be used: {reason}") from reason
            log.warning("torch computes instead of the kernel: %s", reason)
    return TorchBackend(folder, config.dtype)
