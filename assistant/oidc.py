"""Reads from the environment which service people may sign in by. One that is half described stops the boot."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from assistant import env

_LOCAL = ("localhost", "127.0.0.1", "::1")


def openid_connect_apps() -> list[dict[str, Any]]:
    """The provider in allauth's words; none while OIDC_SERVER_URL is not set."""
    server_url = env.text("OIDC_SERVER_URL", "").rstrip("/")
    values = {name: env.text(name, "") for name in ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")}
    if not server_url:
        if given := [name for name, value in values.items() if value]:
            raise ImproperlyConfigured(f"{given[0]} is set, but OIDC_SERVER_URL is not.")
        return []
    if missing := [name for name, value in values.items() if not value]:
        raise ImproperlyConfigured(f"OIDC_SERVER_URL is set, but {missing[0]} is not.")
    url = urlsplit(server_url)
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in _LOCAL):
        raise ImproperlyConfigured(f"OIDC_SERVER_URL={server_url} must begin with https://; http:// is for localhost.")
    return [
        {
            # Made of the address: should another service take its place, its people are not taken for the old one's.
            "provider_id": re.sub(r"[^a-z0-9.]+", "-", f"{url.netloc}{url.path}".lower()).strip("-"),
            "name": env.text("OIDC_NAME", url.hostname or ""),
            "client_id": values["OIDC_CLIENT_ID"],
            "secret": values["OIDC_CLIENT_SECRET"],
            "settings": {"server_url": server_url},
        }
    ]
