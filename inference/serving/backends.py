"""The one place where it is chosen what computes."""

from __future__ import annotations

from pathlib import Path

from inference.contract import EngineConfig
from inference.serving.backend import Backend
from inference.serving.torch_backend import TorchBackend


def load(config: EngineConfig, folder: Path) -> Backend:
    """The backend that `config` names, with the model in `folder`. Raises OSError or ValueError with a sentence."""
    if config.backend == "native":
        raise ValueError("ENGINE_BACKEND=native is not in this version; use auto or torch.")
    return TorchBackend(folder, config.dtype)
