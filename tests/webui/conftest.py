from __future__ import annotations

import pytest
from django.core.management import call_command

from tests.webui.roles import enter, guest, of_alice

__all__ = ["enter", "guest", "of_alice"]  # fixtures


@pytest.fixture(scope="session", autouse=True)
def _static_files() -> None:
    """Pages name their files by content hash, as in life, so the files must have been collected."""
    call_command("collectstatic", interactive=False, verbosity=0)


@pytest.fixture(autouse=True)
def _quick_passwords(settings) -> None:
    """Django's own way of hashing is slow by design, half a second for each sign-in."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
