"""The borders of the house hold at run time too, not only in the linter's eyes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.product import ROOT


def loaded_by(statement: str, *modules: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*({{*{modules!r}}} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(ran.stdout.split("\n")[-2].split())  # the last line: the statement may have its own


def test_the_web_process_does_not_load_torch() -> None:
    assert loaded_by("import assistant.asgi", "torch", "transformers", "peft", "numpy") == set()


def test_the_engine_does_not_load_django() -> None:
    assert loaded_by("import inference.serving.engine", "django", "celery", "redis", "channels") == set()


@pytest.mark.parametrize("module", ["inference.contract", "inference.serving.scripted"])
def test_what_both_sides_share_loads_neither_torch_nor_django(module: str) -> None:
    assert loaded_by(f"import {module}", "torch", "transformers", "django") == set()


@pytest.mark.parametrize("words", ["rollout status", "adapters list", "loop status"])
def test_a_command_does_not_load_the_pages(words: str) -> None:
    """It takes as long again, which counts for who takes an adapter back. What it finds in the database is its own."""
    line = f"execute_from_command_line(['manage.py', *{words!r}.split()])"
    run = f"from contextlib import suppress\nwith suppress(Exception, SystemExit): {line}"
    setup = "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'assistant.settings'"
    imports = "from django.core.management import execute_from_command_line"
    assert loaded_by(f"{setup}\n{imports}\n{run}", "assistant.urls", "webui.views", "ninja", "torch") == set()
