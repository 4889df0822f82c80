from __future__ import annotations

import pytest
from django.core.management import call_command


@pytest.fixture(scope="session", autouse=True)
def _static_files() -> None:
    """Pages name their files by content hash, as in life, so the files must have been collected."""
    call_command("collectstatic", interactive=False, verbosity=0)
