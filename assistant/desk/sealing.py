"""Secrets that must be read again, unlike passwords: encrypted with a key of the installation, so that the database
alone, or a copy of it, tells none of them."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from assistant.errors import AssistantError


def seal(secret: str) -> str:
    return _box().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Raises site.secret_unreadable when SECRET_KEY is another than it was sealed under."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise AssistantError("site.secret_unreadable") from None


def _box() -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"parley desk secrets").derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
