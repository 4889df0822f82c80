"""A service to sign in by that is half described stops the boot."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from assistant.oidc import openid_connect_apps

WHOLE = {
    "OIDC_NAME": "Harbour ID",
    "OIDC_SERVER_URL": "https://Login.example.org/realms/staff/",
    "OIDC_CLIENT_ID": "parley",
    "OIDC_CLIENT_SECRET": "quiet",
}


def configure(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_nothing_set_means_no_service() -> None:
    assert openid_connect_apps() == []


def test_a_whole_description_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, **WHOLE)

    [app] = openid_connect_apps()
    assert (app["name"], app["provider_id"]) == ("Harbour ID", "login.example.org-realms-staff")
    assert app["settings"] == {"server_url": "https://Login.example.org/realms/staff"}


def test_the_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    configure(monkeypatch, **WHOLE, OIDC_CLIENT_SECRET_FILE=str(tmp_path / "secret"))

    assert openid_connect_apps()[0]["secret"] == "from the file"


@pytest.mark.parametrize("name", ["OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"])
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    configure(monkeypatch, **{**WHOLE, name: ""})

    with pytest.raises(ImproperlyConfigured, match=rf"^OIDC_SERVER_URL is set, but {name} is not\.$"):
        openid_connect_apps()


def test_a_secret_without_a_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, **{**WHOLE, "OIDC_SERVER_URL": ""})

    with pytest.raises(ImproperlyConfigured, match="but OIDC_SERVER_URL is not"):
        openid_connect_apps()


@pytest.mark.parametrize("url", ["http://login.example.org", "login.example.org", "ftp://login.example.org"])
def test_a_server_that_is_not_reached_by_https_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    configure(monkeypatch, **{**WHOLE, "OIDC_SERVER_URL": url})

    with pytest.raises(ImproperlyConfigured, match="must begin with https://"):
        openid_connect_apps()
