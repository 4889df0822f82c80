"""The administrators' pages of sites."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from assistant.desk.sealing import unseal
from assistant.models import Person, Site, Team
from tests.webui.visitors import ORIGIN, shop
from webui.sites.installation import check

pytestmark = pytest.mark.django_db

OWN = "https://chat.example"


@pytest.fixture
def admin() -> Client:
    person = Person.objects.create(username="ada", email="ada@example.org", role=Person.Role.ADMIN)
    client = Client()
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    return client


def fields_of(page: str) -> dict[str, str]:
    """What a browser would send of the page's form, unchanged."""
    form = page.partition('id="site-form"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'<input type="(?:text|number|color|time)" name="([\w-]+)"(?: value="([^"]*)")?', form))
    fields |= dict(re.findall(r'<textarea name="([\w-]+)"[^>]*>\s*(.*?)</textarea>', form, re.DOTALL))
    fields["time_zone"] = re.findall(r'name="time_zone" value="([^"]*)"', form)[0]
    for name, options in re.findall(r'<select name="([\w-]+)".*?>(.*?)</select>', form, re.DOTALL):
        fields[name] = next(iter(re.findall(r'value="([^"]*)" selected', options)), "")
    for name, rest in re.findall(r'role="switch" name="([\w-]+)"([^>]*)>', form):
        if "checked" in rest:
            fields[name] = "on"
    return fields


def test_a_site_is_made_with_its_team_and_may_be_shown_nowhere_yet(admin: Client) -> None:
    answer = admin.post("/sites/", {"name": "Garden tools", "team": "Shop"}, follow=True)

    site = Site.objects.get()
    assert (site.name, site.team.name, site.allowed_origins) == ("Garden tools", "Shop", [])
    page = answer.content.decode()
    assert "so no page may show the chat" in page
    assert f"data-site=&quot;{site.id}&quot;" in page or f'data-site="{site.id}"' in page
    assert unseal(site.identity_secret) not in page


def test_what_is_sent_back_unchanged_changes_nothing(admin: Client) -> None:
    site = shop(
        theme={"color": "#aa0000", "position": "left", "avatar": "S"},
        texts={"en": {"greeting": "Hi", "suggestions": ["One", "Two"]}, "zh-hans": {"title": "店"}},
        hours=[{"days": [0], "opens": "09:00", "closes": "17:00"}],
        time_zone="Europe/Paris",
        pre_chat=[{"name": "email", "is_required": True}, {"name": "order", "label": "Your order"}],
        handoff_rules={"words": ["refund"], "when_unsure": True},
    )
    before = Site.objects.filter(pk=site.pk).values().get()

    page = admin.get(f"/sites/{site.id}/").content.decode()
    answer = admin.post(f"/sites/{site.id}/", fields_of(page))

    assert answer.status_code == 302, answer.content.decode()
    after = Site.objects.filter(pk=site.pk).values().get()
    assert {**after, "updated_at": None} == {**before, "updated_at": None}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"origins": "shop.example"}, "is no origin"),
        ({"opens_0": "09:00"}, "Monday: give both times or none"),
        ({"opens_0": "18:00", "closes_0": "09:00"}, "closing time must come after"),
        ({"custom_fields": "Your order"}, "order_number: Your order"),
        ({"time_zone": "Mars"}, "time zone"),
        ({"color": "red"}, "color"),
    ],
)
def test_what_cannot_be_kept_is_said_and_what_was_written_stays(
    admin: Client, changes: dict[str, str], said: str
) -> None:
    site = shop()
    fields = fields_of(admin.get(f"/sites/{site.id}/").content.decode())

    answer = admin.post(f"/sites/{site.id}/", fields | {"en_greeting": "Kept greeting", **changes})

    page = answer.content.decode()
    assert answer.status_code == 400
    assert said in page
    assert "Kept greeting" in page
    assert Site.objects.get().texts == {}


def test_a_new_secret_is_shown_once(admin: Client) -> None:
    site = shop()

    page = admin.post(f"/sites/{site.id}/secret/").content.decode()

    secret = unseal(Site.objects.get().identity_secret)
    assert secret in page
    assert secret not in admin.get(f"/sites/{site.id}/").content.decode()


def test_the_preview_is_shown_by_our_own_page_alone(admin: Client) -> None:
    site = shop()

    page, frame = admin.get(f"/sites/{site.id}/"), admin.get(f"/sites/{site.id}/preview/")

    assert "frame-src 'self'" in page["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in frame["Content-Security-Policy"]
    assert frame["X-Frame-Options"] == "SAMEORIGIN"


def test_the_list_has_an_end(admin: Client) -> None:
    team = Team.objects.create(name="Many")
    Site.objects.bulk_create(Site(name=f"Site {number}", team=team) for number in range(60))

    first = admin.get("/sites/").content.decode()
    after = re.findall(r"\?after=([0-9a-f-]+)", first)[0]
    second = admin.get(f"/sites/?after={after}").content.decode()

    names = [set(re.findall(r"<strong>(Site \d+)</strong>", page)) for page in (first, second)]
    assert [len(each) for each in names] == [50, 10]
    assert len(names[0] | names[1]) == 60


@pytest.mark.parametrize(
    ("page", "policy", "complaints"),
    [
        (f"{ORIGIN}/shop", "", 0),
        ("https://other.example", "", 1),
        ("shop", "", 1),
        (ORIGIN, f"default-src 'self'; script-src {OWN}; frame-src {OWN}", 0),
        (ORIGIN, "default-src 'self'", 2),
        (ORIGIN, f"default-src {OWN}", 0),
        (ORIGIN, "script-src https://*.example; frame-src https:", 0),
        (ORIGIN, f"script-src {OWN}; child-src 'none'", 1),
        (ORIGIN, f"script-src 'none'; script-src {OWN}", 1),
        (ORIGIN, f"script-src http://chat.example; frame-src {OWN}", 1),
    ],
)
def test_what_would_be_in_the_way_is_found(page: str, policy: str, complaints: int) -> None:
    findings = check(shop(), page, policy, OWN)

    assert len([finding for finding in findings if not finding.is_good]) == complaints, findings


def test_a_page_over_https_shows_nothing_of_a_server_without_it() -> None:
    bad = [finding for finding in check(shop(), ORIGIN, "", "http://chat.example") if not finding.is_good]

    assert len(bad) == 1
    assert "HTTPS" in str(bad[0].text)


def test_findings_stand_on_the_page(admin: Client) -> None:
    site = shop()
    asked: dict[str, Any] = {"page": "https://<b>.example", "policy": "default-src 'self'"}

    page = admin.post(f"/sites/{site.id}/check/", asked).content.decode()

    assert "This is no address of a page" in page
    assert "<b>.example" not in page
