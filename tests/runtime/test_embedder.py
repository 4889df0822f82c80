"""The embedder is fetched before the start where it is the bundled one; without it the product starts all the same, and
says what that means."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from assistant.runtime import commands, preparation
from assistant.runtime.valkey import EmbeddedValkey

WORDS_ALONE = "approved answers are found by their words alone"


def doctor() -> list[str]:
    out = StringIO()
    call_command("doctor", stdout=out, no_color=True)
    return [line for line in out.getvalue().splitlines() if "Embedder" in line]


def test_only_the_bundled_one_is_fetched(settings: Settings) -> None:
    for embedder, mode, is_fetched in (
        ("bundled", "serve", True),
        ("bundled", "off", False),
        ("off", "serve", False),
        ("some/embedder", "serve", False),
    ):
        settings.EMBEDDER, settings.APPROVED_ANSWERS = embedder, mode
        assert (commands.prepare_embedder() is not None) is is_fetched


def test_one_that_cannot_be_had_does_not_keep_the_product_from_starting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMBEDDER = "bundled"
    monkeypatch.setattr(commands, "prepare_embedder", lambda: [sys.executable, "-c", "raise SystemExit(1)"])

    assert WORDS_ALONE in preparation.prepare_embedder()


@pytest.mark.django_db
def test_the_doctor_says_what_finds_approved_answers(
    valkey: EmbeddedValkey, settings: Settings, tmp_path: Path
) -> None:
    settings.EMBEDDER, settings.EMBEDDER_PATH = "bundled", str(tmp_path / "absent")
    [line] = doctor()
    assert line.startswith("warn")
    assert WORDS_ALONE in line

    settings.EMBEDDER = "off"
    [line] = doctor()
    assert line.startswith("ok")
    assert WORDS_ALONE in line

    settings.EMBEDDER, settings.EMBEDDER_PATH = "bundled", str(tmp_path)
    [line] = doctor()
    assert line.startswith("ok")
    assert WORDS_ALONE not in line
