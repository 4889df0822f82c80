"""The borders of the house hold at run time too, not only in the linter's eyes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.product import ROOT


def loaded_by(statement: str, *modules: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*({{*{modules!r}}} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_the_web_process_does_not_load_torch() -> None:
    assert loaded_by("import assistant.asgi", "torch", "transformers", "peft", "numpy") == set()


def test_the_engine_does_not_load_django() -> None:
    assert loaded_by("import inference.serving.engine", "django", "celery", "redis", "channels") == set()


@pytest.mark.parametrize("module", ["inference.contract", "inference.serving.scripted"])
def test_what_both_sides_share_loads_neither_torch_nor_django(module: str) -> None:
    assert loaded_by(f"import {module}", "torch", "transformers", "django") == set()
