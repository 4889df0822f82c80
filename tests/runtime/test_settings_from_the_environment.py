"""A setting that cannot be used stops the boot with a sentence that names it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from assistant import env


def test_a_number_that_is_none_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "eighty")
    with pytest.raises(ImproperlyConfigured, match=r"^PORT='eighty' is not a whole number\.$"):
        env.integer("PORT", 8000, 1, 65535)


def test_a_number_out_of_range_is_refused_with_its_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "70000")
    with pytest.raises(ImproperlyConfigured, match=r"^PORT=70000 is out of range; use 1 to 65535\.$"):
        env.integer("PORT", 8000, 1, 65535)


def test_an_unknown_choice_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_DTYPE", "int3")
    with pytest.raises(ImproperlyConfigured, match=r"^ENGINE_DTYPE='int3' is not one of auto, float32\.$"):
        env.choice("ENGINE_DTYPE", "auto", ("auto", "float32"))


@pytest.mark.parametrize(("written", "meant"), [("1", True), ("Yes", True), ("off", False), ("", True)])
def test_yes_and_no_may_be_written_in_several_ways(monkeypatch: pytest.MonkeyPatch, written: str, meant: bool) -> None:
    monkeypatch.setenv("DEBUG", written)
    assert env.boolean("DEBUG", default=True) is meant


def test_neither_yes_nor_no_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "maybe")
    with pytest.raises(ImproperlyConfigured, match="DEBUG='maybe' is not understood; use 1 or 0"):
        env.boolean("DEBUG", default=False)


def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from the file\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("SECRET_KEY", "from the environment")
    assert env.text("SECRET_KEY", "") == "from the file"


def test_a_secret_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "missing"))
    with pytest.raises(ImproperlyConfigured, match=r"SECRET_KEY_FILE=.*missing cannot be read: No such file"):
        env.text("SECRET_KEY", "")


@pytest.mark.parametrize("written", ["1.5", "-0.1", "nan"])
def test_a_share_outside_of_its_range_is_refused(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("APPROVED_ANSWER_SURE", written)
    with pytest.raises(ImproperlyConfigured, match=rf"^APPROVED_ANSWER_SURE={written} is out of range; use 0 to 1\.$"):
        env.share("APPROVED_ANSWER_SURE", 0.65)


def test_a_share_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPROVED_ANSWER_SURE", "very")
    with pytest.raises(ImproperlyConfigured, match=r"^APPROVED_ANSWER_SURE='very' is not a number\.$"):
        env.share("APPROVED_ANSWER_SURE", 0.65)
