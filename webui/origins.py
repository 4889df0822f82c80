"""Refuses sockets that another site's page opened with our cookie (cross-site WebSocket hijacking).

Channels' AllowedHostsOriginValidator compares host names alone; another port of the same host is another site.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.http.request import split_domain_port, validate_host

CLOSE_FOREIGN_ORIGIN = 4403


class SameOriginOnly:
    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        if _is_own(scope):
            return await self.application(scope, receive, send)
        return await _Refusal.as_asgi()(scope, receive, send)


class _Refusal(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.close(CLOSE_FOREIGN_ORIGIN)


def _is_own(scope: dict[str, Any]) -> bool:
    headers = dict(scope["headers"])
    origin, host = (headers.get(name, b"").decode("latin-1") for name in (b"origin", b"host"))
    # A name that somebody else made point here is refused, as Django refuses it for pages.
    if not origin or not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return False
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    return bool(urlsplit(origin).netloc == host)
