"""An adapter with its evidence, and who looks at it: bob reviews, ada administers."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from assistant.models import Adapter, Person
from tests.inference.conftest import tiny_folder
from tests.learned import learn

__all__ = ["tiny_folder"]  # a fixture


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("computed")


@pytest.fixture(autouse=True)
def _own_data(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.SECRET_KEY = "the same splits in each run of the tests"


@pytest.fixture
def ada(db: None) -> Person:
    return Person.objects.create(username="ada", email="ada@example.org", role=Person.Role.ADMIN)


@pytest.fixture
def adapter(charlie: Person, tiny_folder: Path, computed: Path) -> Adapter:
    """Made among others of five corrections of charlie's."""
    return learn(tiny_folder, computed, of=charlie)
