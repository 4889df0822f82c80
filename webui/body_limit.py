"""Ends a request whose body is larger than its address takes, before it fills the disk: Django spools whatever comes.

It answers nothing by itself. Django gets the request without the rest of its body, and says so in its own look.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

_MARK = "parley.body_is_too_large"


def body_limit_of(path: str) -> int:
    return settings.MAX_BODY_BYTES_BY_PATH.get(path, settings.MAX_BODY_BYTES)


def is_too_large(request: HttpRequest) -> bool:
    return _MARK in getattr(request, "scope", {})


class BodyLimit:
    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        limit = body_limit_of(scope["path"])
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > limit:
            scope[_MARK] = True
        taken, is_cut = 0, False

        async def receive_up_to_the_limit() -> Any:
            nonlocal taken, is_cut
            if not is_cut and _MARK not in scope:
                message = await receive()
                taken += len(message.get("body", b""))
                if taken <= limit:
                    return message
                scope[_MARK] = True
            if not is_cut:
                is_cut = True
                return {"type": "http.request", "body": b"", "more_body": False}
            while (message := await receive())["type"] != "http.disconnect":
                pass  # what still comes is thrown away
            return message

        await self.application(scope, receive_up_to_the_limit, send)
