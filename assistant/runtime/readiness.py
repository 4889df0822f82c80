"""Asks the started product over HTTP whether it can answer: what `up` waits for before it prints the address."""

from __future__ import annotations

import http.client
import json

from django.conf import settings


def address() -> str:
    """Where a person on this machine opens the product."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}"


def missing() -> dict[str, str] | None:
    """The checks of /readyz that have not passed, each with its sentence; empty = ready, None = no answer yet."""
    connection = http.client.HTTPConnection(address().removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", "/readyz", headers={"Host": _allowed_host()})
        checks: dict[str, str] = json.loads(connection.getresponse().read())["checks"]
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return None
    finally:
        connection.close()
    return {name: found for name, found in checks.items() if found != "ok"}


def _allowed_host() -> str:
    """Django answers only to the names in ALLOWED_HOSTS, and 127.0.0.1 may not be among them."""
    name = next(iter(settings.ALLOWED_HOSTS), "localhost")
    return "localhost" if name == "*" else name.removeprefix(".")
