"""Administrators say on a page which programs are told what happens on a site, see what was sent, and send it again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from assistant.desk.delivering import secrets_of
from assistant.models import Delivery, Person, Site, Webhook
from tests.assistant.desk import rows
from tests.assistant.desk.conftest import dora, shop

__all__ = ["dora", "shop"]  # fixtures


@pytest.fixture
def admin(alice: Person) -> Client:
    Person.objects.filter(pk=alice.pk).update(role=Person.Role.ADMIN)
    client = Client()
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def hook(shop: Site, admin: Client) -> Webhook:
    admin.post(f"/sites/{shop.pk}/webhooks/", {"url": "https://hooks.example/a", "events": ["message.created"]})
    return Webhook.objects.get()


def delivery(hook: Webhook, **fields: object) -> Delivery:
    return Delivery.objects.create(webhook=hook, event="message.created", payload={}, due_at=timezone.now(), **fields)


def test_the_secret_is_shown_once(shop: Site, admin: Client) -> None:
    made = admin.post(f"/sites/{shop.pk}/webhooks/", {"url": "https://hooks.example/a"})
    [secret] = secrets_of(Webhook.objects.get())

    assert secret in made.content.decode()
    page = f"/sites/{shop.pk}/webhooks/{Webhook.objects.get().pk}/"
    assert secret not in admin.get(page).content.decode()
    rotated = admin.post(f"{page}rotate/").content.decode()
    new, old = secrets_of(Webhook.objects.get())
    assert (old, new in rotated, old in rotated) == (secret, True, False)


def test_what_cannot_be_an_address_is_said_so(shop: Site, admin: Client) -> None:
    answer = admin.post(f"/sites/{shop.pk}/webhooks/", {"url": "http://hooks.example/"})

    assert answer.status_code == 400
    assert "begins with https://" in answer.content.decode()
    assert not Webhook.objects.exists()


def test_it_is_changed_and_switched_off_and_removed(shop: Site, admin: Client, hook: Webhook) -> None:
    page = f"/sites/{shop.pk}/webhooks/{hook.pk}/"

    assert admin.post(page, {"url": "https://hooks.example/b", "events": []}).status_code == 302
    hook.refresh_from_db()
    assert (hook.url, hook.events, hook.is_enabled) == ("https://hooks.example/b", [], False)
    assert "switched off" in admin.get(f"/sites/{shop.pk}/webhooks/").content.decode()
    admin.post(f"{page}remove/")
    assert not Webhook.objects.exists()


def test_the_log_shows_what_became_of_each_and_sends_it_again(shop: Site, admin: Client, hook: Webhook) -> None:
    given_up = delivery(hook, state="failed", attempts=8, status=500, answer="<script>alert(1)</script>")
    delivery(hook)
    page = f"/sites/{shop.pk}/webhooks/{hook.pk}/"

    shown = admin.get(f"{page}?state=failed").content.decode()
    assert "&lt;script&gt;alert(1)" in shown
    assert shown.count("Send again") == 2  # its name and its label
    admin.post(f"{page}replay/", {"delivery": str(given_up.pk)})
    given_up.refresh_from_db()
    assert (given_up.state, given_up.attempts) == ("waiting", 0)
    assert (
        "on its way already"
        in admin.post(f"{page}replay/", {"delivery": str(given_up.pk)}, follow=True).content.decode()
    )
    assert admin.post(f"{page}replay/", {"delivery": "x"}).status_code == 404


def test_a_webhook_is_not_reached_through_another_site(admin: Client, hook: Webhook) -> None:
    other = rows.site("Elsewhere")

    assert admin.get(f"/sites/{other.pk}/webhooks/{hook.pk}/").status_code == 404
    assert admin.post(f"/sites/{other.pk}/webhooks/{hook.pk}/remove/").status_code == 404


@pytest.mark.parametrize("name", ["bob", "charlie", "guest", "dora"])
def test_nobody_but_administrators_comes_near(
    name: str, shop: Site, hook: Webhook, dora: Person, enter: Callable[..., Client]
) -> None:
    client = Client() if name == "dora" else enter(name)
    if name == "dora":
        client.force_login(dora, "django.contrib.auth.backends.ModelBackend")
    row = delivery(hook, state="failed")
    base = f"/sites/{shop.pk}/webhooks/"
    before = [list(model.objects.values()) for model in (Webhook, Delivery)]

    for path in ("", f"{hook.pk}/"):
        assert client.get(base + path).status_code == 403
        assert client.post(base + path, {"url": "https://evil.example/"}).status_code == 403
    for verb in ("rotate", "remove", "replay"):
        assert client.post(f"{base}{hook.pk}/{verb}/", {"delivery": str(row.pk)}).status_code == 403
    assert [list(model.objects.values()) for model in (Webhook, Delivery)] == before
