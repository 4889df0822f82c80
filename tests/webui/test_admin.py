"""The admin is for looking things up: nothing is changed there, and nothing of what people wrote is shown."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from assistant.feedback import actions as feedback
from assistant.models import Comparison, Feedback, Person
from tests.assistant.rows import finish, worker
from tests.conftest import ask
from tests.webui.members import browser_of, new_member, turn_on_totp

SECRETS = ("rivers", "In the sea", "Too short", "mostly")


@pytest.fixture
def client(alice: Person) -> Client:
    """The browser of a person with a post in the admin, in an installation where something has happened."""
    asked = ask(alice, "Where do rivers end?")
    finish(asked, "In the sea.")
    again = ask(alice, "Where do rivers begin?", conversation_id=asked.conversation_id, parent_id=asked.reply_id)
    feedback.give(alice.id, asked.reply_id, Feedback.Rating.DOWN)
    Feedback.objects.update(comment="Too short", correction="In the sea, mostly.", reasons=["incomplete"])
    Comparison.objects.create(person=alice, left_id=asked.reply_id, right_id=again.reply_id, verdict="left")
    worker()
    member = new_member()
    Person.objects.filter(pk=member.pk).update(is_staff=True, is_superuser=True)
    return browser_of(member)


MODELS = [pytest.param(model, id=model.__name__) for model in admin.site._registry]


@pytest.mark.parametrize("model", MODELS)
def test_every_page_opens_and_shows_nothing_that_was_written(client: Client, model) -> None:
    name = f"{model._meta.app_label}_{model._meta.model_name}"
    pages = [reverse(f"admin:{name}_changelist"), reverse(f"admin:{name}_changelist") + "?q=alice"]
    pages += [reverse(f"admin:{name}_change", args=[row.pk]) for row in model.objects.all()]

    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200
        assert [secret for secret in SECRETS if secret in answer.content.decode()] == []


@pytest.mark.parametrize("model", MODELS)
def test_nothing_can_be_added_changed_or_deleted(client: Client, model) -> None:
    name = f"{model._meta.app_label}_{model._meta.model_name}"
    before = list(model.objects.order_by("pk").values())

    assert client.post(reverse(f"admin:{name}_add"), {}).status_code == 403
    for row in model.objects.all():
        assert client.post(reverse(f"admin:{name}_change", args=[row.pk]), {}).status_code == 403
        assert client.post(reverse(f"admin:{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403

    assert list(model.objects.order_by("pk").values()) == before


def test_second_steps_and_sessions_have_no_page_there() -> None:
    assert {model._meta.app_label for model in admin.site._registry} == {"assistant"}


def test_the_way_in_is_the_products_own_with_its_second_step(db: None) -> None:
    guest = Client()
    guest.get("/")

    for client in (Client(), guest):
        answer = client.get("/admin/login/?next=/admin/")
        assert answer["Location"] == "/accounts/login/?next=/admin/"
        assert client.post("/admin/login/", {"username": "dora", "password": "x"}).status_code == 302


def test_a_member_without_a_post_is_turned_away(db: None) -> None:
    assert browser_of(new_member()).get("/admin/", follow=True).status_code == 403


def test_where_it_is_asked_for_a_second_step_must_be_set_up_first(client: Client, settings) -> None:
    settings.REQUIRE_ADMIN_MFA = True

    page = client.get("/admin/", follow=True)
    assert page.redirect_chain[-1][0] == "/settings/security/"
    assert "Set up two-step verification or a passkey first" in page.content.decode()

    turn_on_totp(client)
    assert client.get("/admin/").status_code == 200
