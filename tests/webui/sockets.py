"""Opens sockets as a browser does: with a session cookie and an Origin."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from assistant.models import Person
from webui.routing import websocket_application

ORIGIN = b"http://testserver"


class Socket(ApplicationCommunicator):
    """The browser's end. (channels.testing has one too, but wants the daphne server installed.)"""

    def __init__(
        self, headers: list[Any], query: bytes = b"", path: str = "/ws/chat/", subprotocols: Sequence[str] = ()
    ) -> None:
        scope = {"type": "websocket", "path": path, "query_string": query, "headers": headers}
        super().__init__(websocket_application, {**scope, "subprotocols": list(subprotocols)})

    async def open(self) -> int | None:
        """Connect; returns the code with which the server closed at once, None when it bade welcome."""
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(timeout=5)
        if answer["type"] == "websocket.accept":
            answer = await self.receive_output(timeout=5)
        if answer["type"] == "websocket.close":
            return int(answer["code"])
        assert json.loads(answer["text"])["type"] == "welcome"
        return None

    async def send_text(self, frame: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": frame})

    async def send(self, type_: str, **fields: Any) -> None:
        await self.send_text(json.dumps({"type": type_, "v": 1, **fields}, default=str))

    async def receive(self, timeout_s: float = 5) -> Any:
        """The next frame, as JSON. Fails when the server closes instead."""
        answer = await self.receive_output(timeout=timeout_s)
        assert answer["type"] == "websocket.send", answer
        return json.loads(answer["text"])

    async def close(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(timeout=5)


def cookie_of(person: Person) -> str:
    """The cookie header of a browser in which this person is signed in."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def socket_of(cookie: str | None, origin: bytes | None = ORIGIN, query: bytes = b"", path: str = "/ws/chat/") -> Socket:
    headers: list[Any] = [(b"host", b"testserver")]
    if origin is not None:
        headers.append((b"origin", origin))
    if cookie is not None:
        headers.append((b"cookie", cookie.encode()))
    return Socket(headers, query, path)


async def connect(cookie: str, query: bytes = b"") -> Socket:
    socket = socket_of(cookie, query=query)
    assert await socket.open() is None
    return socket
