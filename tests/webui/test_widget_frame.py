"""The script and the document of the widget: who may load and show them, and what they say of themselves."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.templatetags.static import static
from django.test import Client
from django.utils import timezone

from assistant.desk import sites
from assistant.models import Site
from tests.webui.visitors import ORIGIN, shop
from webui.widget.assets import widget_assets

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return shop(texts={"en": {"greeting": "<b>Hi</b>"}, "zh-hans": {"greeting": "你好"}})


def policy_of(path: str) -> dict[str, str]:
    header = Client().get(path)["Content-Security-Policy"]
    return dict(part.strip().partition(" ")[::2] for part in header.split(";"))


def test_any_page_may_load_the_script_and_it_is_small() -> None:
    answer = Client().get("/widget.js", headers={"Accept-Encoding": "gzip"})

    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer["Content-Type"].startswith("text/javascript")
    assert len(answer.content) <= 8 * 1024
    assert gzip.decompress(answer.content) == Client().get("/widget.js").content
    assert "Set-Cookie" not in answer
    again = Client().get("/widget.js", headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304


def test_only_the_sites_pages_may_show_the_document(site: Site) -> None:
    answer = Client().get(f"/widget/{site.id}/")

    assert policy_of(f"/widget/{site.id}/")["frame-ancestors"] == ORIGIN
    assert "X-Frame-Options" not in answer
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer.cookies == {}
    assert "<b>Hi" not in answer.content.decode()


def test_where_no_origin_is_named_no_page_may(site: Site) -> None:
    sites.update(site.id, by=None, origins=[])

    assert policy_of(f"/widget/{site.id}/")["frame-ancestors"] == "'none'"
    assert "no page may show this chat" in Client().get(f"/widget/{site.id}/").content.decode()


def test_the_chat_itself_is_shown_by_no_page(site: Site) -> None:
    assert policy_of("/")["frame-ancestors"] == "'none'"
    assert Client().get("/")["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(("asked", "lang"), [("zh-CN", "zh-hans"), ("zh", "zh-hans"), ("fr", "en"), ("", "en")])
def test_it_speaks_the_language_that_the_page_asks_for(site: Site, asked: str, lang: str) -> None:
    page = Client().get(f"/widget/{site.id}/", {"locale": asked}).content.decode()

    assert f'<html lang="{lang}"' in page
    assert ("你好" in page) == (lang == "zh-hans")


def test_out_of_hours_it_says_that_nobody_is_there(site: Site) -> None:
    page = f"/widget/{site.id}/"
    assert "team is away" not in Client().get(page, {"locale": "en"}).content.decode()
    yesterday = (timezone.now() - timedelta(days=1)).weekday()
    sites.update(site.id, by=None, hours=[{"days": [yesterday], "opens": "00:00", "closes": "00:01"}])

    assert "team is away" in Client().get(page, {"locale": "en"}).content.decode()


def test_a_site_that_is_off_or_unknown_has_no_document(site: Site) -> None:
    sites.update(site.id, by=None, is_enabled=False)

    assert Client().get(f"/widget/{site.id}/").status_code == 404
    assert Client().get(f"/widget/{uuid4()}/").status_code == 404


# Colours, formulas and what sanitizes them come with the first of theirs, as do forms and files; the panel with the
# first thumb down.
RARE = {
    "highlight",
    "highlighting",
    "temml",
    "formula",
    "dompurify",
    "feedback_panel",
    "widget_forms",
    "widget_files",
    "chosen_files",
}
AIM = 60_000  # bytes
ACCEPTED = {"gzip": "gzip, deflate", "br": "gzip, deflate, br"}  # over HTTP, and over HTTPS


def weight(path: str, accepted: str) -> int:
    """Bytes of the answer as it is sent."""
    answer = Client().get(path, headers={"Accept-Encoding": accepted})
    assert answer.status_code == 200
    assert answer["Content-Encoding"] in accepted, path
    return len(b"".join(answer))


@pytest.mark.parametrize("encoding", ACCEPTED)
def test_all_that_a_visitor_loads_until_an_answer_is_shown_is_light(site: Site, encoding: str) -> None:
    modules = {name: url for name, url in widget_assets()["modules"].items() if name not in RARE}
    addresses = ["/widget.js", f"/widget/{site.id}/", static("webui/css/widget.css"), *set(modules.values())]

    weights = {address: weight(address, ACCEPTED[encoding]) for address in addresses}

    assert weights["/widget.js"] <= 8_000
    heaviest = sorted(weights.items(), key=lambda each: -each[1])
    print(f"{encoding}: {sum(weights.values())} bytes in {len(weights)} answers, {heaviest}")
    assert sum(weights.values()) <= AIM, heaviest


def test_a_script_is_handed_out_as_well_packed_as_the_browser_can_unpack() -> None:
    script = widget_assets()["modules"]["marked"]

    assert weight(script, ACCEPTED["br"]) < weight(script, ACCEPTED["gzip"])


def test_it_has_every_text_that_its_scripts_say() -> None:
    assets = widget_assets()
    folders = [Path("webui/static/webui", folder) for folder in ("js", "widget")]
    scripts = [file for name in assets["modules"] for folder in folders if (file := folder / f"{name}.js").is_file()]
    said = {name for script in scripts for name in re.findall(r"\btexts\.(\w+)", script.read_text(encoding="utf-8"))}

    assert said <= assets["page_texts"].keys()
