from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from whitenoise import WhiteNoise

from tests.webui.roles import enter, guest, of_alice

__all__ = ["enter", "guest", "of_alice"]  # fixtures


@pytest.fixture(scope="session", autouse=True)
def _static_files() -> Iterator[None]:
    """Pages name their files by content hash, as in life, so the files must have been collected. Each test's client
    makes a middleware of its own, which would read them all anew, longer than it takes to answer."""
    call_command("collectstatic", interactive=False, verbosity=0)
    read, found = WhiteNoise.update_files_dictionary, {}

    def read_once(self: WhiteNoise, root: str, prefix: str) -> None:
        if (root, prefix) not in found:
            read(self, root, prefix)
            found[root, prefix] = dict(self.files)
        self.files.update(found[root, prefix])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoise, "update_files_dictionary", read_once)
        yield


@pytest.fixture(autouse=True)
def _quick_passwords(settings) -> None:
    """Django's own way of hashing is slow by design, half a second for each sign-in."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
