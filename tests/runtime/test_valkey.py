"""The embedded Valkey: what is written stays, a folder has one server, nobody else can reach it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from assistant.runtime import valkey
from assistant.runtime.valkey import EmbeddedValkey, ValkeyError

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short enough for a socket's path, with characters that a config file must quote."""
    with tempfile.TemporaryDirectory(prefix="parley ") as made:
        yield Path(made) / 'it\'s "valkey" \\'


def test_what_was_written_survives_kill_9(folder: Path) -> None:
    with EmbeddedValkey(folder, folder / "valkey.sock") as server:
        with redis.Redis.from_url(server.url) as client:
            for number in range(200):
                client.xadd("log", {"n": number})
        server.kill()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert [int(fields[b"n"]) for _, fields in client.xrange("log")] == list(range(200))


def test_data_are_never_evicted_and_always_appended(folder: Path) -> None:
    with EmbeddedValkey(folder, folder / "valkey.sock") as server, redis.Redis.from_url(server.url) as client:
        assert client.config_get("maxmemory*")["maxmemory-policy"] == "noeviction"
        assert client.config_get("append*")["appendonly"] == "yes"
        assert client.config_get("port")["port"] == "0"


def test_a_second_server_on_one_folder_is_refused_with_a_sentence(folder: Path) -> None:
    with EmbeddedValkey(folder, folder / "valkey.sock") as server:
        with pytest.raises(ValkeyError, match=r"Another server is running on .* its own DATA_DIR"):
            EmbeddedValkey(folder, folder / "other.sock").start()
        assert valkey.ping(server.socket)


def test_the_lock_dies_with_the_server(folder: Path) -> None:
    with EmbeddedValkey(folder, folder / "valkey.sock") as server:
        with pytest.raises(ValkeyError):
            valkey.lock(folder, patience_s=0)
        server.kill()
        os.close(valkey.lock(folder, patience_s=0))


def test_only_the_owner_may_open_the_socket(folder: Path) -> None:
    with EmbeddedValkey(folder, folder / "valkey.sock"):
        assert stat.S_IMODE((folder / "valkey.sock").stat().st_mode) == 0o700
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_socket_folder_that_others_may_enter_is_refused(folder: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(ValkeyError, match="not a folder of this user alone"):
        EmbeddedValkey(folder, tmp_path / "valkey.sock").start()


def test_the_server_ends_when_its_parent_is_killed(folder: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import signal, sys; from pathlib import Path; from assistant.runtime.valkey import EmbeddedValkey\n"
            "folder = Path(sys.argv[1]); server = EmbeddedValkey(folder, folder / 'valkey.sock'); server.start()\n"
            "print('up', flush=True); signal.pause()",
            folder,
        ],
        stdout=subprocess.PIPE,
    )
    assert parent.stdout
    assert parent.stdout.readline() == b"up\n"
    parent.kill()
    parent.wait()
    parent.stdout.close()
    os.close(valkey.lock(folder, patience_s=5))
    assert not valkey.ping(folder / "valkey.sock")
