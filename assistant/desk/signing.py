"""Signs what webhooks are sent, so that receivers know who sent it, when, and that nobody changed it: as Standard
Webhooks 1.0 has it (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

MARK = "whsec_"
SECRET_BYTES = 32  # the standard has 24 to 64


def new_secret() -> str:
    return MARK + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers_for(message_id: str, timestamp: int, body: bytes, signed_with: Sequence[str]) -> dict[str, str]:
    """`timestamp` in Unix seconds. While a secret is being replaced both sign, and receivers take either."""
    signatures = (signature_of(message_id, timestamp, body, secret) for secret in signed_with)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def signature_of(message_id: str, timestamp: int, body: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(MARK))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
