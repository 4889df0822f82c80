"""The system checks find what is wrong with the settings, and say what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.db import connection
from pytest_django import Settings


def found() -> dict[str, str]:
    return {str(message.id): message.hint or "" for message in run_checks() if str(message.id).startswith("parley.")}


def test_the_settings_of_a_first_start_are_sound() -> None:
    assert found() == {}


@pytest.mark.parametrize("path", ["inference.serving.missing.Engine", "nowhere.Engine", "Engine", ""])
def test_an_engine_that_is_not_there(settings: Settings, path: str) -> None:
    settings.INFERENCE_ENGINE = path
    assert "package.module.ClassName" in found()["parley.E001"]


def test_a_data_dir_that_is_not_there(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "missing"
    assert "set DATA_DIR to another" in found()["parley.E002"]


def test_debug_on_the_network(settings: Settings) -> None:
    settings.IS_LOCAL, settings.DEBUG, settings.ALLOWED_HOSTS = False, True, ["chat.example.org"]
    assert set(found()) == {"parley.E003"}


def test_a_short_secret_on_the_network(settings: Settings) -> None:
    settings.IS_LOCAL, settings.SECRET_KEY, settings.ALLOWED_HOSTS = False, "short", ["chat.example.org"]
    assert set(found()) == {"parley.E004"}


def test_listening_for_others_whom_it_would_not_admit(settings: Settings) -> None:
    settings.IS_LOCAL, settings.ALLOWED_HOSTS = False, ["localhost", "127.0.0.1"]
    assert set(found()) == {"parley.W001"}


def test_a_sqlite_that_cannot_search(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithoutFts5(sqlite3.Connection):
        def execute(self, sql: str, parameters: object = ()) -> sqlite3.Cursor:
            return super().execute("SELECT 'THREADSAFE=1'")

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path: connect(path, factory=WithoutFts5))

    assert ("parley.E005" in found()) == (connection.vendor == "sqlite")
