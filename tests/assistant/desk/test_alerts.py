"""A visitor who waits is never alone with it: somebody is told, or they are given the form."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from assistant.desk import alerts, handoff, presence
from assistant.models import Alert, AlertMail, Conversation, Person, Site, Visitor, Webhook
from tests.assistant.desk.rows import say


def channels() -> set[str]:
    return set(Alert.objects.values_list("channel", flat=True))


def test_who_has_the_desk_open_is_told_there(visitor: Visitor, dora: Person) -> None:
    presence.arrive(dora.id)
    handoff.ask_for_person(say(visitor).conversation_id)

    assert channels() == {"desk"}
    assert not alerts.wants_form(Conversation.objects.get())


def test_with_nobody_there_the_visitor_is_given_the_form(visitor: Visitor, dora: Person, mallory: Person) -> None:
    presence.arrive(mallory.id)  # of another team
    presence.arrive(dora.id)
    presence.leave(dora.id)
    handoff.ask_for_person(say(visitor).conversation_id)

    assert channels() == {"form"}
    assert alerts.wants_form(Conversation.objects.get())
    handoff.take(dora.id, Conversation.objects.get().pk)
    assert not alerts.wants_form(Conversation.objects.get())


def test_with_nobody_there_the_team_is_mailed(visitor: Visitor, dora: Person, settings: Settings) -> None:
    settings.MAIL_REACHES_PEOPLE = True
    handoff.ask_for_person(say(visitor).conversation_id)

    assert channels() == {"form", "email"}
    assert AlertMail.objects.get().alert.channel == "email"


def test_a_webhook_that_listens_is_an_alert_too(shop: Site, visitor: Visitor, dora: Person) -> None:
    Webhook.objects.create(site=shop, url="https://hooks.example/", secret="x", events=["handoff.requested"])
    handoff.ask_for_person(say(visitor).conversation_id)

    assert channels() == {"form", "webhook"}


def test_while_redis_is_away_nobody_counts_as_there(
    visitor: Visitor, dora: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise presence.redis.ConnectionError

    presence.arrive(dora.id)
    asked = say(visitor)
    monkeypatch.setattr(presence, "connection", refuse)
    handoff.ask_for_person(asked.conversation_id)

    assert channels() == {"form"}
