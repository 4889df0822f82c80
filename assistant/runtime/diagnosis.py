"""What `manage.py doctor` finds out about this installation. It only looks: nothing is started, changed or imported
that would load a model."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import redis
from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now

from assistant.chat.leases import DEAD_AFTER_S
from assistant.models import Worker
from assistant.runtime import valkey
from assistant.runtime.preparation import redis_client, without_password

PACKAGES = ("django", "channels", "celery", "redis", "uvicorn", "torch", "transformers", "peft")
# What makes a CPU fast at the model's arithmetic, as Linux spells it.
CPU_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimddp", "bf16", "i8mm")
SECRETS = ("SECRET_KEY", "API_KEY", "PASSWORD", "TOKEN")
LEAST_FREE_BYTES = 2 * 1024**3
GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    mark: Literal["ok", "warn", "fail"]
    subject: str
    text: str
    advice: str = ""


def findings() -> Iterator[Finding]:
    yield from _versions()
    yield from _settings()
    yield from _redis()
    yield from _database()
    yield from _workers()
    yield from _model()
    yield from _embedder()
    yield from _machine()
    yield from _static_files()


def _versions() -> Iterator[Finding]:
    yield Finding("ok", "Parley", f"{settings.VERSION}, Python {platform.python_version()} on {platform.platform()}")
    found, absent = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            absent.append(name)
    yield Finding("ok", "Packages", ", ".join(found))
    if absent:
        yield Finding(
            "warn", "Packages", f"without {', '.join(absent)}", "A web process needs none of them; workers do."
        )


def _settings() -> Iterator[Finding]:
    """Each setting that the environment gives, as README lists them: the names that settings.py reads."""
    known = {name for name in dir(settings) if name.isupper()}
    known |= {"FORWARDED_ALLOW_IPS", "HSTS_SECONDS", "LOG_LEVEL", "TRUSTED_ORIGINS"}
    for name, value in sorted(os.environ.items()):
        plain = name.removesuffix("_FILE")
        if plain in known and name != "TZ":
            is_secret = name == plain and any(word in name for word in SECRETS)
            yield Finding("ok", "Environment", f"{name}={'***' if is_secret else without_password(value)}")
    for message in checks.run_checks():
        mark: Literal["warn", "fail"] = "fail" if message.is_serious() else "warn"
        yield Finding(mark, str(message.id), message.msg, message.hint or "")


def _redis() -> Iterator[Finding]:
    if settings.REDIS_IS_EMBEDDED:
        try:
            yield Finding("ok", "Redis", f"embedded: {valkey.binary()}, data in {settings.DATA_DIR / 'valkey'}")
        except valkey.ValkeyError as error:
            yield Finding("fail", "Redis", str(error))
            return
    else:
        yield Finding("ok", "Redis", without_password(settings.REDIS_URL))
    try:
        with redis_client() as client:
            info = client.info()
    except redis.RedisError as error:
        if settings.REDIS_IS_EMBEDDED:
            yield Finding("warn", "Redis", "is not running", "`manage.py up` starts it.")
        else:
            yield Finding("fail", "Redis", f"does not answer: {error}", "Start it, or correct REDIS_URL.")
        return
    name, number = info.get("server_name", "redis"), info.get("valkey_version") or info["redis_version"]
    yield Finding("ok", "Redis", f"{name} {number} answers, {info['used_memory_human']} used")
    if info["aof_enabled"]:
        yield Finding("ok", "Redis", "appendonly is on")
    else:
        yield Finding("warn", "Redis", "appendonly is off: a restart forgets replies being written", "appendonly yes")
    if info["maxmemory_policy"] == "noeviction":
        yield Finding("ok", "Redis", f"maxmemory {info['maxmemory_human']}, noeviction")
    else:
        yield Finding("fail", "Redis", f"{info['maxmemory_policy']} may drop words", "maxmemory-policy noeviction")


def _database() -> Iterator[Finding]:
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        where = without_password(settings.DATABASE_URL)
        yield Finding("fail", "Database", f"{where}: {str(error).strip()}", "Start it, or correct DATABASE_URL.")
        return
    number = ".".join(str(part) for part in connection.get_database_version())
    yield Finding("ok", "Database", f"{connection.display_name} {number}, {without_password(settings.DATABASE_URL)}")
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in missing[:3])
        advice = "`manage.py up` or `manage.py migrate` applies them."
        yield Finding("warn", "Database", f"{len(missing)} migrations are missing ({names}, …)", advice)
    else:
        yield Finding("ok", "Database", f"all {len(executor.loader.applied_migrations)} migrations are applied")


def _workers() -> Iterator[Finding]:
    try:
        beating = list(Worker.objects.filter(beat_at__gt=Now() - timedelta(seconds=DEAD_AFTER_S)))
    except DatabaseError:
        return  # said above already: no database, or no tables yet
    for worker in beating:
        mark: Literal["ok", "warn"] = "ok" if worker.state == Worker.State.READY else "warn"
        yield Finding(mark, "Worker", f"{worker}: {worker.engine} with {worker.base_model or 'no model yet'}")
    if not beating:
        yield Finding("warn", "Worker", "none is running: replies wait", "`manage.py up` starts one.")


def _model() -> Iterator[Finding]:
    threads = settings.ENGINE_THREADS or f"all {_cores()} cores"
    yield Finding("ok", "Engine", f"{settings.INFERENCE_ENGINE}, {threads}, {settings.ENGINE_DTYPE}")
    if settings.INFERENCE_ENGINE == settings.UPSTREAM_ENGINE:
        model = settings.UPSTREAM_MODEL or "its first model"
        yield Finding("ok", "Model", f"{model} at {without_password(settings.UPSTREAM_URL)}")
    if settings.MODEL == "upstream":
        yield Finding("warn", "Model", "none is here to learn with", "Set MODEL to the weights that the server runs.")
        return
    if settings.MODEL.startswith("scripted:"):
        yield Finding("warn", "Model", f"{settings.MODEL} only plays a script", "Unset MODEL for real answers.")
        return
    yield Finding("ok", "Model", settings.MODEL)
    weights = sorted(settings.MODELS_DIR.glob("*/*.safetensors"))
    weights = [file for file in weights if str(file.parent) != settings.EMBEDDER_PATH]
    for file in weights:
        size, sha256 = _size(file.stat().st_size), _sha256_of_manifest(file)
        yield Finding("ok", "Model", f"prepared: {file.relative_to(settings.MODELS_DIR)}, {size}, sha256 {sha256}")
    if not weights and not Path(settings.MODEL).is_dir():
        yield Finding("warn", "Model", "is not prepared yet", "`manage.py up` fetches and converts it once.")


def _embedder() -> Iterator[Finding]:
    if settings.APPROVED_ANSWERS == "off":
        yield Finding("ok", "Embedder", "not used: APPROVED_ANSWERS=off")
    elif settings.EMBEDDER == "off":
        yield Finding("ok", "Embedder", "off: approved answers are found by their words alone")
    elif settings.EMBEDDER == "bundled" and not Path(settings.EMBEDDER_PATH).is_dir():
        text = "is not prepared: approved answers are found by their words alone"
        yield Finding("warn", "Embedder", text, "`manage.py prepare` fetches it once (84 MB).")
    else:
        yield Finding("ok", "Embedder", settings.EMBEDDER)


def _sha256_of_manifest(weights: Path) -> str:
    """As written when the model was prepared; hashing gigabytes again would make the doctor slow."""
    try:
        content = json.loads((weights.parent / "manifest.json").read_text(encoding="utf-8"))
        return str(content["weights"][weights.name]["sha256"])
    except (OSError, ValueError, KeyError):
        return "unknown"


def _machine() -> Iterator[Finding]:
    yield Finding(
        "ok", "CPU", f"{_cores()} cores for this process; {' '.join(_cpu_flags()) or 'no special arithmetic'}"
    )
    yield Finding("ok", "Memory", _size(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))
    free = shutil.disk_usage(settings.DATA_DIR).free
    if free < LEAST_FREE_BYTES:
        yield Finding("warn", "Disk", f"{_size(free)} free in {settings.DATA_DIR}", "Make room, or move DATA_DIR.")
    else:
        yield Finding("ok", "Disk", f"{_size(free)} free in {settings.DATA_DIR}")


def _static_files() -> Iterator[Finding]:
    if (settings.STATIC_ROOT / "staticfiles.json").is_file():
        yield Finding("ok", "Static files", f"collected in {settings.STATIC_ROOT}")
    else:
        yield Finding("warn", "Static files", "are not collected", "`manage.py up` or `manage.py collectstatic` does.")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_flags() -> list[str]:
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split())
    except OSError:
        return []
    return [flag for flag in CPU_FLAGS if flag in words]


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / 1024**2:.1f} MiB"
