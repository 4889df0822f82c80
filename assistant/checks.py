"""System checks: what is wrong with an installation's settings, found before anything starts, with what to do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connection

SHORTEST_SECRET = 32
SHORTEST_TOKEN = 16
FEWEST_CHARACTERS = 10  # different ones; a random secret of that length has more
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
def upstream_is_named(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    is_upstream = settings.INFERENCE_ENGINE == settings.UPSTREAM_ENGINE
    if not is_upstream or urlsplit(settings.UPSTREAM_URL).scheme in ("http", "https"):
        return []
    return [
        Error(
            f"INFERENCE_ENGINE={settings.INFERENCE_ENGINE} asks another server, and UPSTREAM_URL does not say which.",
            hint="Set UPSTREAM_URL to its address up to /v1, for example http://127.0.0.1:8001/v1.",
            id="parley.E006",
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
def secret_key_is_random(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    secret = settings.SECRET_KEY
    is_random = len(set(secret)) >= FEWEST_CHARACTERS and not secret.startswith("django-insecure-")
    if settings.IS_LOCAL or (len(secret) >= SHORTEST_SECRET and is_random):
        return []
    return [
        Error(
            f"SECRET_KEY ({len(secret)} characters) can be guessed, and whoever guesses it can sign in as anybody.",
            hint=f"Unset it (a random one is made and kept), or give at least {SHORTEST_SECRET} random characters.",
            id="parley.E004",
        )
    ]


@register()
def metrics_token_is_one(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    token = settings.METRICS_TOKEN
    if not token or (len(token) >= SHORTEST_TOKEN and token.isascii() and token.isprintable() and " " not in token):
        return []
    return [
        Error(
            f"METRICS_TOKEN ({len(token)} characters) can be guessed, or not be sent in a header.",
            hint=f"Give at least {SHORTEST_TOKEN} random letters and digits.",
            id="parley.E007",
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


@register()
def others_reach_it_safely(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """What an operator may want for a while, on a network of their own, and should not forget."""
    if settings.IS_LOCAL:
        return []
    found: list[CheckMessage] = []
    if not settings.BEHIND_TLS_PROXY:
        found.append(
            Warning(
                f"HOST={settings.HOST} listens on the network without HTTPS: passwords and messages travel readable.",
                hint="Put a proxy that speaks HTTPS in front, and set BEHIND_TLS_PROXY=1.",
                id="parley.W002",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        found.append(
            Warning(
                "ALLOWED_HOSTS=* lets anybody choose the name in the links of the mails that are sent.",
                hint="List the names people will type, for example chat.example.org.",
                id="parley.W003",
            )
        )
    if not settings.LIMITS:
        found.append(
            Warning(
                "LIMITS=0 lets one visitor take the whole machine, and guess passwords without end.",
                hint="Unset LIMITS, or raise single limits (README lists them).",
                id="parley.W004",
            )
        )
    if os.environ.get("FORWARDED_ALLOW_IPS") == "*":
        found.append(
            Warning(
                "FORWARDED_ALLOW_IPS=* lets whoever reaches the port claim any address, and so escape the limits.",
                hint="Name the addresses of your proxies, if others can reach the port as well.",
                id="parley.W005",
            )
        )
    return found
