"""A visitor who waits is never alone with it: somebody is told, or they are given the form."""

from __future__ import annotations

import pytest
from django.core import mail
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from assistant.desk import alert_mail, alerts, handoff, presence
from assistant.models import Alert, Case, Conversation, Person, Site, Visitor, Webhook
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


def test_with_nobody_there_the_team_is_mailed_and_the_mail_quotes_nobody(
    visitor: Visitor, dora: Person, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAIL_REACHES_PEOPLE = True
    monkeypatch.setattr(alert_mail.threading, "Thread", _Now)
    asked = say(visitor, "My name is Rumpelstiltskin")
    handoff.ask_for_person(asked.conversation_id)
    alert_mail.send_soon(Case.objects.get())

    assert channels() == {"form", "email"}
    [message] = mail.outbox
    assert message.bcc == ["dora@example.org"]
    assert "Rumpelstiltskin" not in message.subject + message.body
    assert "Shop" in message.subject


def test_the_mail_goes_out_after_the_commit(
    visitor: Visitor,
    dora: Person,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.MAIL_REACHES_PEOPLE = True
    monkeypatch.setattr(alert_mail.threading, "Thread", _Now)
    asked = say(visitor)
    with django_capture_on_commit_callbacks(execute=True):
        handoff.ask_for_person(asked.conversation_id)
        assert mail.outbox == []
    assert len(mail.outbox) == 1


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


class _Now:
    """A thread that is over before it began."""

    def __init__(self, target: object, args: tuple[object, ...], **_: object) -> None:
        self._work = lambda: target(*args)  # type: ignore[operator]

    def start(self) -> None:
        self._work()
