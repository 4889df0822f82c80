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


@pytest.fixture
def on_the_network(settings: Settings) -> Settings:
    """As it should be there."""
    settings.IS_LOCAL, settings.ALLOWED_HOSTS = False, ["chat.example.org"]
    settings.BEHIND_TLS_PROXY = settings.LIMITS = True
    return settings


def test_the_settings_of_a_careful_operator_are_sound(on_the_network: Settings) -> None:
    assert found() == {}


def test_debug_on_the_network(on_the_network: Settings) -> None:
    on_the_network.DEBUG = True
    assert set(found()) == {"parley.E003"}


@pytest.mark.parametrize("secret", ["short", "a" * 60, "changeme" * 8, "django-insecure-3k#v8(2)x!q0zr7d^m1w9b4c5n6"])
def test_a_secret_that_can_be_guessed_on_the_network(on_the_network: Settings, secret: str) -> None:
    on_the_network.SECRET_KEY = secret
    assert set(found()) == {"parley.E004"}


def test_another_server_that_is_not_named(on_the_network: Settings) -> None:
    on_the_network.INFERENCE_ENGINE = on_the_network.UPSTREAM_ENGINE
    for address in ("", "gpu:8000/v1"):
        on_the_network.UPSTREAM_URL = address
        assert set(found()) == {"parley.E006"}
    on_the_network.UPSTREAM_URL = "http://gpu:8000/v1"
    assert found() == {}


@pytest.mark.parametrize(
    "token", ["short", "words with spaces in them", "schlüssel-und-schlösser", "line\nof-a-key-file"]
)
def test_a_token_of_the_metrics_that_can_be_guessed_or_not_sent(settings: Settings, token: str) -> None:
    settings.METRICS_TOKEN = token
    assert set(found()) == {"parley.E007"}
    settings.METRICS_TOKEN = "k3-long-and-random"
    assert found() == {}


def test_listening_for_others_whom_it_would_not_admit(on_the_network: Settings) -> None:
    on_the_network.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    assert set(found()) == {"parley.W001"}


def test_a_sqlite_that_cannot_search(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithoutFts5(sqlite3.Connection):
        def execute(self, sql: str, parameters: object = ()) -> sqlite3.Cursor:
            return super().execute("SELECT 'THREADSAFE=1'")

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path: connect(path, factory=WithoutFts5))

    assert ("parley.E005" in found()) == (connection.vendor == "sqlite")


@pytest.mark.parametrize(
    ("name", "value", "warning"),
    [
        ("BEHIND_TLS_PROXY", False, "parley.W002"),
        ("ALLOWED_HOSTS", ["*"], "parley.W003"),
        ("LIMITS", False, "parley.W004"),
    ],
)
def test_what_should_not_be_forgotten_on_the_network(
    on_the_network: Settings, name: str, value: object, warning: str
) -> None:
    setattr(on_the_network, name, value)
    assert set(found()) == {warning}
    on_the_network.IS_LOCAL = True
    assert found() == {}


def test_a_proxy_that_may_be_anybody(on_the_network: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    assert set(found()) == {"parley.W005"}
