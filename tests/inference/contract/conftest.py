"""Each engine and each backend in turn: what the contract says holds for all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from inference.contract import Engine, EngineConfig
from inference.serving import backends
from inference.serving.backend import Backend
from inference.serving.engine import TransformersEngine
from inference.serving.scripted import ScriptedEngine
from tests.inference.listening import Listener

BACKENDS = ["torch"]


@pytest.fixture(params=["scripted", *BACKENDS])
def listener(request: pytest.FixtureRequest, start: Callable[[Engine], Listener]) -> Listener:
    if request.param == "scripted":
        return start(ScriptedEngine(EngineConfig("scripted:tokens_per_second=1000&tokens=400", max_running=8)))
    folder = request.getfixturevalue("tiny_folder")
    config = EngineConfig(str(folder), dtype="float32", max_running=8, backend=request.param)
    return start(TransformersEngine(config))


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tiny_folder: Path) -> Backend:
    """With 64 pages and 4 slots."""
    loaded = backends.load(EngineConfig(str(tiny_folder), dtype="float32", backend=request.param), tiny_folder)
    loaded.reserve(64, 4)
    return loaded
