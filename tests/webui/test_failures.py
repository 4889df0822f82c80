"""What goes wrong is told in one look, to people and to programs; a body that is too large is not even read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from assistant.chat import listing
from webui.body_limit import BodyLimit

pytestmark = pytest.mark.django_db

FAILURES = {
    400: "This request cannot be read. Go back and try again.",
    403: "This request did not come from our own page. Reload the page and try again.",
    404: "There is no page at this address.",
    500: "Something went wrong on the server. It was logged; try again.",
    503: "The database does not answer at the moment. Your message is kept; try again.",
}


def fail(status: int, api: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    if status == 400:
        return client.get(f"{api}/nowhere/", headers={"host": "elsewhere.example"})
    if status == 403:
        client.get("/")
        return client.patch("/api/me/preferences", {}, "application/json") if api else client.post("/accounts/login/")
    if status == 404:
        return client.get(f"{api}/nowhere/")
    client.get("/")

    def broken(*arguments: Any, **options: Any) -> Any:
        raise OperationalError("away") if status == 503 else RuntimeError("a mistake of ours")

    monkeypatch.setattr(listing, "conversations_of", broken)
    return client.get("/api/conversations" if api else "/")


@pytest.mark.parametrize("status", FAILURES)
def test_a_person_is_shown_a_page_of_ours(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = fail(status, "", monkeypatch)

    assert (answer.status_code, answer["Content-Type"]) == (status, "text/html; charset=utf-8")
    html = answer.content.decode()
    assert FAILURES[status] in html
    assert 'class="sheet"' in html
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("status", FAILURES)
def test_a_program_is_told_in_json(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = fail(status, "/api", monkeypatch)

    assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (status, "application/json")
    assert answer.json().keys() == {"code", "message", "retryable"}
    assert answer.json()["message"] == FAILURES[status]
    assert answer.json()["retryable"] is (status >= 500)


def test_a_failure_speaks_the_language_of_the_page() -> None:
    html = Client(headers={"accept-language": "zh-CN"}).get("/nowhere/").content.decode()

    assert 'lang="zh-hans"' in html


# Bodies

LIMIT = 1000


@pytest.fixture
def application(settings: Settings) -> BodyLimit:
    settings.MAX_BODY_BYTES, settings.MAX_BODY_BYTES_BY_PATH = LIMIT, {"/api/import": 5 * LIMIT}
    return BodyLimit(get_asgi_application())


async def post(application: BodyLimit, path: str, parts: list[bytes], *, length: bytes | None = None) -> dict[str, Any]:
    """Send a body in parts as uvicorn hands them over; returns status, headers, body and the parts nobody asked for."""
    headers = [(b"host", b"testserver"), (b"content-type", b"application/json")]
    if length is not None:
        headers.append((b"content-length", length))
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b"", "scheme": "http"}
    peer = ApplicationCommunicator(application, scope | {"client": ("127.0.0.1", 1), "server": ("testserver", 80)})
    for i, part in enumerate(parts):
        await peer.send_input({"type": "http.request", "body": part, "more_body": i < len(parts) - 1})
    start = await peer.receive_output(timeout=5)
    body = b"".join([part async for part in _body(peer)])
    await peer.send_input({"type": "http.disconnect"})
    await peer.wait(timeout=5)
    return {"status": start["status"], "headers": dict(start["headers"]), "body": body}


async def _body(peer: ApplicationCommunicator) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await peer.receive_output(timeout=5)
        yield message["body"]
        more = message.get("more_body", False)


@pytest.mark.parametrize(
    ("parts", "length"),
    [
        ([b"x" * (LIMIT + 1)], b"1001"),
        ([b"x" * 100] * 11, None),  # chunked: nobody knows how much will come
        ([b"x" * 100] * 11, b"10"),
        ([b"x" * 10], b"99999999999999999999"),
        ([b"x" * 10], b"-1"),
        ([b"x" * 10], b"ten"),
    ],
)
async def test_a_body_that_is_too_large_is_refused(
    application: BodyLimit, parts: list[bytes], length: bytes | None
) -> None:
    answer = await post(application, "/api/conversations", parts, length=length)

    assert answer["status"] == 413
    assert b'"request.too_large"' in answer["body"]
    assert answer["headers"][b"Connection"] == b"close"
    assert b"Content-Security-Policy" in answer["headers"]


async def test_a_form_that_is_too_large_is_told_on_a_page(application: BodyLimit) -> None:
    answer = await post(application, "/accounts/login/", [b"x" * (LIMIT + 1)], length=b"1001")

    assert answer["status"] == 413
    assert b"This is too large" in answer["body"]


async def test_a_body_up_to_the_limit_is_read(application: BodyLimit) -> None:
    answer = await post(application, "/api/conversations", [b"x" * (LIMIT // 2)] * 2, length=b"1000")

    assert answer["status"] == 405


async def test_an_address_that_takes_files_has_room_of_its_own(application: BodyLimit) -> None:
    small = await post(application, "/api/import", [b"x" * LIMIT] * 5)
    large = await post(application, "/api/import", [b"x" * LIMIT] * 6)

    assert (small["status"], large["status"]) == (403, 413)  # it was read, and refused for want of a token
