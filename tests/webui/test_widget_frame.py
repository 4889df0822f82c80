"""The script and the document of the widget: who may load and show them, and what they say of themselves."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.staticfiles.finders import find
from django.test import Client
from django.utils import timezone

from assistant.desk import sites
from assistant.models import Site
from tests.webui.visitors import ORIGIN, shop
from webui.assets import MARKDOWN
from webui.storage import joined, without_comments
from webui.widget.assets import OWN, SHARED

pytestmark = pytest.mark.django_db
FOLDERS = ("js", "vendor", "widget")


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


# What reads Markdown comes with the first message, colours and formulas with the first of theirs.
RARE = {"highlight", "highlighting", "temml", "formula"}


def weight_of(names: Iterable[str]) -> int:
    """Bytes of these modules as browsers get them: ours without comments, all compressed."""
    files = [Path(found) for name in names for folder in FOLDERS if (found := find(f"webui/{folder}/{name}.js"))]
    assert len(files) == len(list(names))
    texts = [file.read_text(encoding="utf-8") for file in files]
    ours = [
        text if file.parent.name == "vendor" else without_comments(text)
        for file, text in zip(files, texts, strict=True)
    ]
    return sum(len(gzip.compress(text.encode())) for text in ours)


def test_what_a_visitor_loads_is_light(site: Site) -> None:
    modules = set(SHARED + OWN) - RARE
    page = Client().get(f"/widget/{site.id}/").content
    around = sum(
        len(gzip.compress(part))
        for part in (page, joined("webui/css/widget.css").encode(), Client().get("/widget.js").content)
    )

    opened = around + weight_of(modules - set(MARKDOWN))
    print(f"opened: {opened} bytes; with what reads Markdown: {opened + weight_of(MARKDOWN)}")
    assert opened <= 48 * 1024, opened
    assert opened + weight_of(MARKDOWN) <= 78 * 1024
