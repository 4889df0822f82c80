from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.evidence import SCRIPT
from tests.inference.conftest import make, tiny_folder
from tests.product import Product

# Fixtures of the engine's tests: a tiny real model, and adapters for it.
__all__ = ["make", "tiny_folder"]


@pytest.fixture
def product() -> Iterator[Product]:
    """The started product, answering 20 tokens a second; fresh for each test, since each breaks something."""
    with Product(SCRIPT, ENGINE_MAX_RUNNING="64") as started:
        yield started
