"""`manage.py doctor` explains the installation, names what to do, and hides secrets."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from pytest_django import Settings

from assistant.models import Worker
from assistant.runtime.preparation import without_password
from assistant.runtime.valkey import EmbeddedValkey


def doctor() -> str:
    out = StringIO()
    call_command("doctor", stdout=out, no_color=True)
    return out.getvalue()


@pytest.mark.django_db
def test_it_tells_what_is_installed_and_what_answers(valkey: EmbeddedValkey) -> None:
    said = doctor()
    for expected in (
        r"ok +Packages +django 5\.2\.\d+, .*celery 5.*redis 8.*torch 2",
        r"ok +Redis +valkey [\d.]+ answers",
        r"ok +Redis +appendonly is on",
        r"ok +Redis +maxmemory 256.00M, noeviction",
        r"ok +Database +(SQLite|PostgreSQL) \d",
        r"ok +Database +all \d+ migrations are applied",
        r"warn +Worker +none is running",
        r"ok +Disk +[\d.]+ GiB free",
    ):
        assert re.search(expected, said), f"{expected} is not in:\n{said}"
    assert "fail" not in said


@pytest.mark.django_db
def test_it_names_the_workers_that_beat(valkey: EmbeddedValkey) -> None:
    Worker.objects.create(host="gpu1", pid=7, state=Worker.State.READY, engine="E", base_model="M", beat_at=Now())
    assert re.search(r"ok +Worker +gpu1:7 ready: E with M", doctor())


@pytest.mark.django_db
def test_something_that_cannot_work_ends_it_with_status_1(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.REDIS_IS_EMBEDDED, settings.REDIS_URL = False, "redis://:geheim@127.0.0.1:1/0"
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", no_color=True)
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert re.search(r"fail +Redis +does not answer", said)
    assert "Start it, or correct REDIS_URL." in said
    assert "geheim" not in said


@pytest.mark.django_db
def test_secrets_of_the_environment_are_not_shown(valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "geheim")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:geheim@db/parley")
    said = doctor()
    assert "SECRET_KEY=***" in said
    assert "DATABASE_URL=postgresql://me:***@db/parley" in said
    assert "geheim" not in said


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:pa@ss@host:1/0", "redis://:***@host:1/0"),
        ("postgresql://me:p%40:ss@host/db", "postgresql://me:***@host/db"),
        ("redis://host:1/0", "redis://host:1/0"),
        ("unix:///a/b.sock", "unix:///a/b.sock"),
    ],
)
def test_a_password_in_an_address_is_hidden(url: str, shown: str) -> None:
    assert without_password(url) == shown
