"""Who may read /metrics: programs on this machine, or whoever has the token; for others there is no such page."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from django.test import Client
from pytest_django import Settings

from webui.metrics import views

pytestmark = pytest.mark.django_db

TOKEN = "a-token-of-thirty-two-characters"


def status(client: Client, address: str = "127.0.0.1", **headers: str) -> int:
    return client.get("/metrics", REMOTE_ADDR=address, headers=headers).status_code


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_a_program_on_this_machine_may(client: Client, address: str) -> None:
    assert status(client, address) == 200


@pytest.mark.parametrize(
    "address", ["10.0.0.7", "192.168.1.4", "203.0.113.9", "2001:db8::1", "::ffff:10.0.0.7", "", "x"]
)
def test_nobody_from_elsewhere_may(client: Client, address: str) -> None:
    assert status(client, address) == 404


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via", "x-forwarded-host"])
def test_nobody_may_who_comes_through_a_proxy_on_this_machine(client: Client, name: str) -> None:
    assert status(client, **{name: "127.0.0.1"}) == 404


def test_nobody_may_where_a_proxy_is_said_to_stand_before_us(client: Client, settings: Settings) -> None:
    settings.BEHIND_TLS_PROXY = True
    assert status(client) == 404


def test_where_there_is_a_token_it_alone_counts(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN

    for address in ("127.0.0.1", "203.0.113.9"):
        assert status(client, address) == 404
        assert status(client, address, Authorization=f"Bearer {TOKEN}") == 200
        for wrong in (TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ", "Bearer ä"):
            assert status(client, address, Authorization=wrong) == 404, wrong
    settings.BEHIND_TLS_PROXY = True
    assert status(client, Authorization=f"Bearer {TOKEN}", **{"X-Forwarded-For": "203.0.113.9"}) == 200


def test_whoever_is_refused_is_told_what_they_are_told_of_no_page_at_all(client: Client) -> None:
    refused = client.get("/metrics", REMOTE_ADDR="203.0.113.9")
    absent = client.get("/no-such-page", REMOTE_ADDR="203.0.113.9")

    assert (refused.status_code, refused.content) == (absent.status_code, absent.content)
    assert refused.headers["Content-Type"] == absent.headers["Content-Type"]


def test_whoever_is_refused_costs_no_look_at_the_product(client: Client) -> None:
    with patch.object(views, "product_state") as looked:
        assert status(client, "203.0.113.9") == 404
    looked.assert_not_called()


def test_nothing_is_kept_by_caches_and_nothing_can_be_written(client: Client) -> None:
    assert "no-store" in client.get("/metrics").headers["Cache-Control"]
    assert client.post("/metrics").status_code == 405
