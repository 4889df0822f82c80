"""The reports of the desk as pages: who sees them, and that every number leads to its conversations."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from html import unescape

import pytest
from django.test import Client

from assistant.models import Case, Person, Site, Surge, Turn, Visitor
from tests.assistant.desk import rows
from tests.assistant.desk.conftest import dora, mallory, shop, visitor
from tests.assistant.desk.rows import say
from webui.reports.table import harmless

__all__ = ["dora", "mallory", "shop", "visitor"]  # fixtures


@pytest.fixture
def at_desk(dora: Person) -> Client:
    client = Client()
    client.force_login(dora, "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def spoken(visitor: Visitor) -> Case:
    asked = say(visitor, "Where is my <b>order</b>?")
    Turn.objects.create(message_id=asked.message_id, case_id=asked.conversation_id, sentiment=-0.8, at="2026-01-01T00Z")
    Case.objects.update(satisfaction=5)
    return Case.objects.get()


def test_every_number_leads_to_its_conversations(at_desk: Client, spoken: Case) -> None:
    page = at_desk.get("/desk/reports/").content.decode()
    links = {unescape(link) for link in re.findall(r'href="(/desk/reports/cases/\?[^"]+)"', page)}

    assert len(links) > 10
    for link in links:
        cases = at_desk.get(link)
        assert cases.status_code == 200
        number = re.search(rf'href="{re.escape(link).replace("&", "&amp;")}">\s*(\d+)\s*<', page)
        if number:
            assert cases.content.decode().count("Where is my &lt;b&gt;order&lt;/b&gt;?") == int(number[1])


def test_an_agent_of_another_team_sees_nothing_of_it(spoken: Case, mallory: Person, shop: Site) -> None:
    client = Client()
    client.force_login(mallory, "django.contrib.auth.backends.ModelBackend")

    assert b"order" not in client.get("/desk/reports/cases/").content
    assert client.get(f"/desk/reports/?site={shop.pk}").status_code == 400
    page = client.get("/desk/reports/").content.decode()
    assert "Shop" not in page


@pytest.mark.parametrize("name", ["alice", "bob", "charlie", "guest"])
def test_whoever_has_no_desk_sees_no_reports(name: str, spoken: Case, enter: Callable[..., Client]) -> None:
    for path in ("", "cases/", "numbers.csv"):
        assert enter(name).get(f"/desk/reports/{path}").status_code == 403


@pytest.mark.parametrize(
    "query",
    ["first=2026-13-01", "zone=Nowhere/Town", "zone=../../etc/passwd", "adapter=x", "by=year", "first=2020-01-01"],
)
def test_what_cannot_be_asked_is_refused(query: str, at_desk: Client) -> None:
    assert at_desk.get(f"/desk/reports/?{query}").status_code == 400


def test_a_surge_is_told_on_the_page(at_desk: Client, spoken: Case, shop: Site) -> None:
    Surge.objects.create(site=shop, day=spoken.created_at.date(), negative=12, conversations=14, usual=0.1)

    assert "12 of 14 conversations were negative" in at_desk.get("/desk/reports/").content.decode()


def test_the_numbers_come_as_csv_without_formulas(at_desk: Client, spoken: Case, shop: Site) -> None:
    Site.objects.filter(pk=shop.pk).update(name='=HYPERLINK("http://evil.example")')

    answer = at_desk.get("/desk/reports/numbers.csv")

    head, *days, site, _base = csv.reader(io.StringIO(answer.content.decode()))
    assert head[1] == "Conversations"
    assert len(days) == 28
    assert sum(int(day[1]) for day in days) == 1
    assert site[0] == '\'=HYPERLINK("http://evil.example")'
    assert site[-1] == "-0.8"  # a number, which is no formula
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert [harmless(text) for text in ("+1", "@a", "-b", "\tc", "d")] == ["'+1", "'@a", "'-b", "'\tc", "d"]


def test_an_empty_desk_has_reports_too(at_desk: Client) -> None:
    page = at_desk.get("/desk/reports/?by=week").content.decode()

    assert "Nothing has been read yet" in page


def test_the_page_asks_the_database_as_often_for_many_conversations_as_for_few(
    at_desk: Client, spoken: Case, visitor: Visitor, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for _ in range(20):
        say(rows.visitor(visitor.site))
    with django_assert_max_num_queries(30):  # type: ignore[attr-defined]
        at_desk.get("/desk/reports/")
