"""What an administrator says of a site: checked before it is kept, and noted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.desk import sites
from assistant.desk.sealing import seal, unseal
from assistant.desk.site_settings import Theme, is_open, normal_origin, texts_in
from assistant.errors import AssistantError
from assistant.models import AuditEvent, Site
from tests.assistant.desk import rows

MONDAY_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def shop(db: None) -> Site:
    return rows.site()


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://Shop.Example/", "https://shop.example"),
        (" https://shop.example:443 ", "https://shop.example"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(written: str, kept: str) -> None:
    assert normal_origin(written) == kept


@given(st.text(max_size=80))
def test_nothing_but_one_origin_comes_into_the_header(text: str) -> None:
    origin = normal_origin(text)
    assert origin is None or not set(origin) & set(" ;,'\"*\n\t")


@pytest.mark.parametrize("line", ["*", "https://*.example", "shop.example", "https://a.example/path", "https://a b"])
def test_what_is_no_origin_is_refused(shop: Site, line: str) -> None:
    with pytest.raises(AssistantError) as problem:
        sites.update(shop.id, by=None, origins=["https://good.example", line])
    assert problem.value.code == "site.invalid_origin"
    shop.refresh_from_db()
    assert shop.allowed_origins == []


@pytest.mark.parametrize(
    "changes",
    [
        {"theme": {"color": "red; background: url(x)"}},
        {"texts": {"xx": {}}},
        {"hours": [{"days": [7], "opens": "09:00", "closes": "17:00"}]},
        {"hours": [{"days": [0], "opens": "17:00", "closes": "09:00"}]},
        {"time_zone": "Mars/Olympus"},
        {"pre_chat": [{"name": "a"}, {"name": "a"}]},
        {"pre_chat": [{"name": "<b>"}]},
    ],
)
def test_what_cannot_be_read_later_is_not_kept(shop: Site, changes: dict[str, Any]) -> None:
    with pytest.raises(AssistantError) as problem:
        sites.update(shop.id, by=None, **changes)
    assert problem.value.code == "site.invalid"


def test_somebody_is_there_by_the_sites_own_clock(shop: Site) -> None:
    assert is_open(shop, MONDAY_NOON)  # no hours are said: always
    office = [{"days": [0, 1, 2, 3, 4], "opens": "09:00", "closes": "17:00"}]
    site = sites.update(shop.id, by=None, hours=office, time_zone="Asia/Shanghai")

    assert not is_open(site, MONDAY_NOON)  # 20:00 there
    assert is_open(site, MONDAY_NOON.replace(hour=1))
    assert not is_open(site, MONDAY_NOON.replace(hour=9))  # 17:00: closed
    assert not is_open(site, MONDAY_NOON.replace(day=22, hour=1))  # Sunday


def test_texts_are_those_of_the_language_else_of_the_first(shop: Site) -> None:
    texts = {"en": {"greeting": "Hello"}, "zh-hans": {"greeting": "你好"}}
    site = sites.update(shop.id, by=None, texts=texts)

    assert texts_in(site, "zh-hans").greeting == "你好"
    assert texts_in(site, "fr").greeting == "Hello"
    assert texts_in(rows.site("Bare"), "en").greeting == ""


@given(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True))
def test_text_on_any_colour_can_be_read(color: str) -> None:
    def luminance(of: str) -> float:
        parts = [int(of[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        return sum(
            weight * (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
            for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True)
        )

    lighter, darker = sorted((luminance(color), luminance(Theme(color=color).text_color)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_a_secret_is_told_once_kept_sealed_and_never_noted(shop: Site) -> None:
    secret = sites.rotate_secret(shop.id, by=None)
    shop.refresh_from_db()

    assert unseal(shop.identity_secret) == secret
    assert secret not in str(list(Site.objects.values())) + str(list(AuditEvent.objects.values()))


def test_another_key_reads_no_secret(settings: Any) -> None:
    sealed = seal("secret")
    settings.SECRET_KEY = "another"

    with pytest.raises(AssistantError) as problem:
        unseal(sealed)
    assert problem.value.code == "site.secret_unreadable"


def test_what_was_changed_is_noted(shop: Site) -> None:
    sites.update(shop.id, by=None, origins=["https://shop.example"], retention_days=30)

    event = AuditEvent.objects.filter(action="site.update").latest("number")
    assert event.after == {"changed": ["retention_days", "allowed_origins"]}
