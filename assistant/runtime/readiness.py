"""Asks the started product over HTTP whether it can answer: what `up` waits for before it prints the address."""

from __future__ import annotations

import contextlib
import http.client
import json
from ipaddress import ip_address

from django.conf import settings


def address() -> str:
    """Where a person on this machine opens the product."""
    host = settings.HOST
    with contextlib.suppress(ValueError):  # a name, not a number
        number = ip_address(host)
        if number.is_unspecified:
            host = "127.0.0.1" if number.version == 4 else "::1"
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
