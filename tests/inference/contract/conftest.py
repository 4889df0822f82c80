"""Each engine and each backend in turn: what the contract says holds for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from inference.contract import Engine, EngineConfig
from inference.serving import backends
from inference.serving.backend import Backend
from inference.serving.engine import TransformersEngine
from inference.serving.scripted import ScriptedEngine
from tests.inference.conftest import make_tiny_model
from tests.inference.listening import Listener

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
BACKENDS = ["torch", "native", pytest.param("cuda", marks=needs_gpu)]


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a shape that all backends can run."""
    return make_tiny_model(tmp_path_factory.mktemp("tiny"), hidden_size=64, initializer_range=0.1)


def config_for(backend: Any, folder: Path) -> EngineConfig:
    return EngineConfig(str(folder), dtype="auto" if backend == "native" else "float32", backend=backend)


@pytest.fixture(params=["scripted", "upstream", *BACKENDS])
def listener(request: pytest.FixtureRequest, start: Callable[[Engine], Listener]) -> Listener:
    if request.param == "scripted":
        return start(ScriptedEngine(EngineConfig("scripted:tokens_per_second=1000&tokens=400", max_running=8)))
    if request.param == "upstream":
        other: Listener = request.getfixturevalue("upstream")
        return other
    folder = request.getfixturevalue("tiny_folder")
    return start(TransformersEngine(replace(config_for(request.param, folder), max_running=8)))


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tiny_folder: Path) -> Backend:
    """With 64 pages and 4 slots."""
    loaded = backends.load(config_for(request.param, tiny_folder), tiny_folder)
    loaded.reserve(64, 4)
    return loaded
