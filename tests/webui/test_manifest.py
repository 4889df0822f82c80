"""Browsers can install the page as an app: what the manifest names is there, in the sizes and colours it says."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from assistant.models import Person
from webui.manifest import THEME_COLORS

TOKENS = Path(__file__).parents[2] / "webui" / "static" / "webui" / "css" / "tokens.css"


def manifest(language: str = "en") -> dict[str, Any]:
    answer = Client().get("/manifest.webmanifest", headers={"Accept-Language": language})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/manifest+json")
    found: dict[str, Any] = answer.json()
    return found


def test_the_app_opens_at_a_new_chat_in_a_window_of_its_own(db: None) -> None:
    found = manifest()

    assert (found["name"], found["start_url"], found["scope"], found["display"]) == ("Parley", "/", "/", "standalone")


def test_each_icon_has_the_size_it_is_said_to_have(db: None) -> None:
    icons = manifest()["icons"]

    assert {(icon["sizes"], icon["purpose"]) for icon in icons} == {
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
    }
    for icon in icons:
        assert "{}x{}".format(*_size(icon["src"])) == icon["sizes"]


def test_telephones_of_apple_find_their_icon(db: None) -> None:
    address = re.search(r'<link rel="apple-touch-icon" href="([^"]+)"', Client().get("/").content.decode())

    assert address
    assert _size(address[1]) == (180, 180)


def test_the_window_has_the_colour_of_the_page(db: None) -> None:
    found = re.search(r"--bg: light-dark\((#\w+), (#\w+)\)", TOKENS.read_text(encoding="utf-8"))

    assert found
    assert {"light": found[1], "dark": found[2]} == THEME_COLORS


@pytest.mark.parametrize(("theme", "colors"), [("system", 2), ("light", 1), ("dark", 1)])
def test_the_window_follows_the_chosen_theme(alice: Person, theme: str, colors: int) -> None:
    alice.preferences = {"theme": theme}
    alice.save()
    client = Client()
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")

    said = re.findall(r'<meta name="theme-color" content="([^"]+)"( media)?', client.get("/").content.decode())

    assert len(said) == colors
    assert {bool(media) for _, media in said} == {theme == "system"}
    if theme != "system":
        assert said[0][0] == THEME_COLORS[theme]


def _size(address: str) -> tuple[int, int]:
    """Width and height, from the head of a PNG file."""
    name = re.sub(r"\.[0-9a-f]{12}(?=\.png$)", "", address.partition("/static/")[2])
    file = finders.find(name)
    assert isinstance(file, str), address
    head = Path(file).read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])
