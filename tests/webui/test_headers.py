"""What every response tells the browser: where things may come from, who may embed it, what it may ask of a device."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.http import HttpResponseBase
from django.test import Client

from assistant.chat.actions import Accepted
from assistant.models import Person

pytestmark = pytest.mark.django_db


def policy_of(answer: HttpResponseBase) -> dict[str, str]:
    directives = (directive.partition(" ") for directive in answer["Content-Security-Policy"].split("; "))
    return {name: sources for name, _, sources in directives}


STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "dompurify character-references",
}

ANSWERS = {
    "a page": ("/accounts/login/", 200),
    "a page that is not there": ("/nowhere/", 404),
    "a conversation of another": ("/c/0193a000-0000-7000-8000-000000000001/", 404),
    "JSON": ("/api/openapi.json", 200),
    "JSON that is refused": ("/api/conversations", 401),
    "JSON that is not there": ("/api/nowhere", 404),
    "a probe": ("/healthz", 200),
    "a static file": (storages["staticfiles"].url, 200),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_everything_forbids_what_it_does_not_need(name: str) -> None:
    path, status = ANSWERS[name]

    answer = Client().get(path if isinstance(path, str) else path("webui/icon.svg"))
    answer.close()

    assert answer.status_code == status
    assert policy_of(answer) == STRICT
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    assert "publickey-credentials-get=(self)" in answer["Permissions-Policy"]


def test_a_script_or_stylesheet_carries_no_policy_of_a_page() -> None:
    for name in ("webui/js/app.js", "webui/css/chat.css"):
        answer = Client().get(storages["staticfiles"].url(name))
        answer.close()

        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
        assert not {"Content-Security-Policy", "Permissions-Policy", "Access-Control-Allow-Origin"} & set(
            answer.headers
        )


@pytest.mark.parametrize(
    ("path", "host", "status"), [("/", "elsewhere.example", 400), ("/accounts/login/", "testserver", 403)]
)
def test_what_is_refused_before_a_page_is_asked_is_as_strict(path: str, host: str, status: int) -> None:
    answer = Client(enforce_csrf_checks=True).post(path, headers={"host": host})

    assert answer.status_code == status
    assert policy_of(answer) == STRICT


def test_only_the_import_map_stands_in_the_page(asked: Accepted, alice: Person) -> None:
    client = Client()
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")

    answers = [client.get(f"/c/{asked.conversation_id}/") for _ in range(2)]

    nonces = []
    for answer in answers:
        html = answer.content.decode()
        [(kind, nonce)] = re.findall(r'<script type="(\w+)" nonce="([^"]+)">', html)
        assert kind == "importmap"
        assert policy_of(answer) == STRICT | {"script-src": f"'self' 'nonce-{nonce}'"}
        assert not re.search(r"<[^>]*\s(on\w+|style)=", html)
        assert "<style" not in html
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


def test_only_the_admin_may_make_markup_of_text(admin_client: Client) -> None:
    answer = admin_client.get("/admin/")

    assert answer.status_code == 200
    assert policy_of(answer) == {name: STRICT[name] for name in STRICT if not name.endswith(("-for", "-types"))}


def test_a_cookie_of_a_session_is_for_the_server_alone() -> None:
    client = Client()
    client.get("/")

    session, csrf = client.cookies["sessionid"], client.cookies["csrftoken"]
    assert session["httponly"]
    assert not csrf["httponly"]  # the page's script reads it
    assert (session["samesite"], csrf["samesite"]) == ("Lax", "Lax")
    assert not Client().get("/").has_header("Strict-Transport-Security")


def test_behind_a_proxy_that_speaks_https_nothing_travels_readable(tmp_path: Path) -> None:
    """In a process of its own, since settings are read once."""
    program = """
import django; django.setup()
from django.core.management import call_command
from django.test import Client
from django.test.utils import setup_test_environment
setup_test_environment()
call_command("migrate", verbosity=0)
client = Client(headers={"x-forwarded-proto": "https"})
answer = client.get("/")
assert answer["Strict-Transport-Security"] == "max-age=3600", answer.headers
assert set(client.cookies) == {"__Host-sessionid", "__Host-csrftoken"}, client.cookies
for cookie in client.cookies.values():
    assert cookie["secure"] and cookie["path"] == "/" and not cookie["domain"], cookie
"""
    (tmp_path / "static").symlink_to(settings.STATIC_ROOT)
    environment = {"BEHIND_TLS_PROXY": "1", "HSTS_SECONDS": "3600", "DATABASE_URL": "", "DATA_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ | environment)
