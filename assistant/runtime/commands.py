"""The command line of each role: one place, so that `up`, docker-compose.yml and the tests run the same."""

from __future__ import annotations

import sys

from django.conf import settings

from assistant.runtime import valkey

ROLES = ("web", "worker-interactive", "worker-training")


def argv(role: str) -> list[str]:
    """What runs `role`; it must be executed where `manage.py` lies."""
    match role:
        case "valkey":
            return valkey.argv(settings.DATA_DIR / "valkey", settings.EMBEDDED_VALKEY_SOCKET)
        case "web":
            return _web()
        case "worker-interactive":
            # Threads, because a task only claims and submits: one engine serves all replies of the process.
            return _worker("interactive", queues="interactive", concurrency=4)
        case "worker-training":
            return _worker("training", queues="training,default", concurrency=2)
    raise ValueError(f"There is no role {role!r}; there are {', '.join(ROLES)}.")


def prepare_model() -> list[str] | None:
    """What fetches and converts the model before the first start; None when no weights are read here."""
    if settings.MODEL.startswith("scripted:") or settings.MODEL == "upstream":
        return None
    arguments = ["--model", settings.MODEL, "--models-dir", str(settings.MODELS_DIR)]
    return [sys.executable, "-m", "inference.serving.prepare", *arguments]


def prepare_embedder() -> list[str] | None:
    """What fetches the bundled embedder before the first start; None when another is used, or none."""
    if settings.EMBEDDER != "bundled" or settings.APPROVED_ANSWERS == "off":
        return None
    return [sys.executable, "-m", "inference.serving.prepare_embedder", "--models-dir", str(settings.MODELS_DIR)]


def _web() -> list[str]:
    options = {
        "--host": settings.HOST,
        "--port": str(settings.PORT),
        "--loop": "uvloop",
        "--lifespan": "off",
        "--log-level": "warning",
        "--limit-concurrency": "3000",
        # Without a limit, one client that does not read keeps the process alive for ever.
        "--timeout-graceful-shutdown": "2",
        "--ws": "websockets-sansio",
        # The largest message is 384 kB as a frame (32,000 characters, each two escapes of 6 bytes); whoever sends more
        # shall be answered with a reason, up to here, instead of a closed socket.
        "--ws-max-size": str(2 * 1024 * 1024),
        "--ws-ping-interval": "20",
        "--ws-ping-timeout": "20",
        # Compression costs about 50 kB of memory per socket, for frames of a few dozen bytes.
        "--ws-per-message-deflate": "false",
    }
    flat = [word for option in options.items() for word in option]
    program = [sys.executable, "-m", "uvicorn", "assistant.asgi:application"]
    return [*program, *flat, "--no-server-header", "--no-access-log"]


def _worker(name: str, queues: str, concurrency: int) -> list[str]:
    return [
        *(sys.executable, "-m", "celery", "--quiet", "-A", "assistant", "worker"),
        *("--hostname", f"{name}@%h", "--queues", queues, "--pool", "threads", "--concurrency", str(concurrency)),
        *("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"),
    ]
