"""System checks: what is wrong with an installation's settings, found before anything starts, with what to do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib.util import find_spec
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connection

SHORTEST_SECRET = 32
LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]"}


@register()
def engine_exists(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The module is looked for, not imported: the engine's libraries belong in the worker alone."""
    module, _, name = settings.INFERENCE_ENGINE.rpartition(".")
    try:
        found = bool(module and name) and find_spec(module) is not None
    except ModuleNotFoundError:
        found = False
    if found:
        return []
    return [
        Error(
            f"INFERENCE_ENGINE={settings.INFERENCE_ENGINE} names no module that can be found.",
            hint="Leave it unset for the built-in engine, or give package.module.ClassName.",
            id="parley.E001",
        )
    ]


@register()
def data_dir_is_writable(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if os.access(settings.DATA_DIR, os.R_OK | os.W_OK | os.X_OK):
        return []
    return [
        Error(
            f"DATA_DIR={settings.DATA_DIR} cannot be written by this user.",
            hint=f"Give the folder to user id {os.getuid()}, or set DATA_DIR to another.",
            id="parley.E002",
        )
    ]


@register()
def debug_stays_at_home(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.IS_LOCAL or not settings.DEBUG:
        return []
    return [
        Error(
            f"DEBUG=1 with HOST={settings.HOST} would show the settings and the code to the network.",
            hint="Unset DEBUG, or set HOST=127.0.0.1.",
            id="parley.E003",
        )
    ]


@register()
def secret_key_is_long(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.IS_LOCAL or len(settings.SECRET_KEY) >= SHORTEST_SECRET:
        return []
    return [
        Error(
            f"SECRET_KEY has {len(settings.SECRET_KEY)} characters; whoever guesses it can sign in as anybody.",
            hint=f"Unset it (a random one is made and kept), or give at least {SHORTEST_SECRET} random characters.",
            id="parley.E004",
        )
    ]


@register()
def sqlite_can_search(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if connection.vendor != "sqlite":
        return []
    with closing(sqlite3.connect(":memory:")) as probe:
        if ("ENABLE_FTS5",) in probe.execute("PRAGMA compile_options").fetchall():
            return []
    return [
        Error(
            "This Python's SQLite was built without FTS5, by which conversations are searched.",
            hint="Use a Python whose sqlite3 has it (those of python.org and of distributions do), or PostgreSQL.",
            id="parley.E005",
        )
    ]


@register()
def others_can_reach_it(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.IS_LOCAL or not LOCAL_NAMES.issuperset(settings.ALLOWED_HOSTS):
        return []
    return [
        Warning(
            f"HOST={settings.HOST} listens on the network, but ALLOWED_HOSTS admits local names only.",
            hint="Set ALLOWED_HOSTS to the names people will type, for example chat.example.org.",
            id="parley.W001",
        )
    ]
