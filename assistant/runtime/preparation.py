"""What must be in place before the children start: a free address, servers that answer, tables, static files, a model.

Each step raises StartupError with a sentence for the operator.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
import redis
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from assistant.parent_death import end_with_parent
from assistant.runtime import commands, valkey


class StartupError(Exception):
    """The product cannot start; the text is a sentence for the operator."""


def prepare(say: Callable[[str], None]) -> None:
    """Do everything that is missing, telling each step with its time."""
    steps: dict[str, Callable[[], str]] = {
        "Redis": require_redis,
        "Database": prepare_database,
        "Static files": lambda: "collected" if collect_static() else "unchanged",
        "Model": lambda: settings.MODEL + (" is prepared" if prepare_model() else ""),
        "Embedder": prepare_embedder,
    }
    for subject, step in steps.items():
        began = time.monotonic()
        found = step()
        say(f"{subject}: {found} ({time.monotonic() - began:.1f} s)")


def require_free_address() -> None:
    """The address the web process will listen on can be taken."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.HOST, settings.PORT, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise StartupError(
            f"{settings.HOST} port {settings.PORT} cannot be used: {error.strerror}. Set HOST or PORT to another."
        ) from error


def require_redis() -> str:
    """The embedded server's folder is free, or the server of REDIS_URL answers; returns which one it is."""
    if settings.REDIS_IS_EMBEDDED:
        try:
            program = valkey.binary()
            os.close(valkey.lock(settings.DATA_DIR / "valkey"))
        except valkey.ValkeyError as error:
            raise StartupError(str(error)) from error
        return f"embedded {program.name}"
    where = without_password(settings.REDIS_URL)
    try:
        with redis_client() as client:
            client.ping()
    except redis.RedisError as error:
        raise StartupError(f"REDIS_URL={where} does not answer: {str(error).rstrip('.')}.") from error
    return where


def prepare_database() -> str:
    """Bring the tables to this version and let go of the database; returns which one it is."""
    if connection.vendor == "postgresql":
        _require_postgresql()
    call_command("migrate", interactive=False, verbosity=0)
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]  # of the PostgreSQL backend alone
    return f"{connection.display_name}, tables are current"


def _require_postgresql() -> None:
    """One connection beside Django's pool, which would try for 5 s and then not say why."""
    try:
        psycopg.connect(settings.DATABASE_URL, connect_timeout=3).close()
    except psycopg.OperationalError as error:
        where, reason = without_password(settings.DATABASE_URL), str(error).strip().splitlines()[0]
        raise StartupError(f"DATABASE_URL={where} does not answer: {reason}.") from error


def collect_static() -> bool:
    """Gather and hash the static files when one has changed since the last time; returns whether it had to."""
    stamp = settings.STATIC_ROOT / ".sources"
    sources = _static_sources()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == sources:
        return False
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(sources, encoding="ascii")
    return True


def _static_sources() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            found = os.stat(storage.path(path))
            digest.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def prepare_model() -> bool:
    """Fetch and convert the model, showing its progress; returns whether the engine needs one at all."""
    argv = commands.prepare_model()
    if argv is None:
        return False
    if not _succeeds(argv):
        raise StartupError(f"The model {settings.MODEL} could not be prepared; the reason stands above.")
    return True


def prepare_embedder() -> str:
    """Fetch the bundled embedder. Without it everything works, but approved answers are found by their words alone."""
    argv = commands.prepare_embedder()
    if argv is None:
        return settings.EMBEDDER
    return "bundled is prepared" if _succeeds(argv) else "not there, so approved answers are found by their words alone"


def _succeeds(argv: list[str]) -> bool:
    ended = subprocess.run(  # noqa: S603 - our own modules
        argv,
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        check=False,
        preexec_fn=end_with_parent(),
    )
    if ended.returncode in (-signal.SIGINT, 128 + signal.SIGINT):
        raise KeyboardInterrupt
    return ended.returncode == 0


def redis_client() -> redis.Redis:
    """A client that says within 2 s whether the server answers, and does not try again."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
    )


def without_password(url: str) -> str:
    """`url` as it may be shown."""
    password = urlsplit(url).password
    return re.sub(r"://([^:@/]*):[^/]*@", r"://\1:***@", url) if password else url
