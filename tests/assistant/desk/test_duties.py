"""What workers do for the desk: nobody waits forever unheard, and nothing is kept longer than the site says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from assistant.desk import duties, handoff, presence
from assistant.models import Alert, Case, Conversation, Person, Site, Visitor
from tests.assistant.desk import rows
from tests.assistant.desk.rows import answered, reply, say


@pytest.fixture
def waiting(visitor: Visitor, dora: Person) -> Case:
    presence.arrive(dora.id)
    asked = say(visitor)
    handoff.ask_for_person(asked.conversation_id)
    return Case.objects.get()


def later(case: Case, seconds: float) -> None:
    Case.objects.filter(pk=case.pk).update(waiting_since=timezone.now() - timedelta(seconds=seconds))


def test_who_waits_too_long_is_given_the_form_once(waiting: Case, settings: Settings) -> None:
    later(waiting, settings.DESK_ALERT_AGAIN_S - 5)
    assert duties.alert_those_who_still_wait() == 0
    later(waiting, settings.DESK_ALERT_AGAIN_S + 5)
    assert duties.alert_those_who_still_wait() == 1
    assert duties.alert_those_who_still_wait() == 0

    assert sorted(Alert.objects.values_list("channel", flat=True)) == ["desk", "form"]


def test_a_form_of_an_earlier_wait_does_not_count_for_this_one(
    waiting: Case, visitor: Visitor, dora: Person, settings: Settings
) -> None:
    later(waiting, settings.DESK_ALERT_AGAIN_S + 5)
    duties.alert_those_who_still_wait()
    reply(dora, waiting.pk)
    handoff.resolve(dora.id, waiting.pk)
    say(visitor, "It did not come", waiting.pk)
    later(waiting, settings.DESK_ALERT_AGAIN_S + 5)

    assert duties.alert_those_who_still_wait() == 1


def test_what_a_site_keeps_no_longer_is_erased_with_its_visitor(shop: Site, visitor: Visitor) -> None:
    Site.objects.update(retention_days=30)
    old, young = say(visitor), rows.visitor(shop)
    answered(old.generation_id)
    answered(say(young).generation_id)
    past = timezone.now() - timedelta(days=31)
    Case.objects.filter(pk=old.conversation_id).update(last_message_at=past, created_at=past)
    Visitor.objects.filter(pk=visitor.pk).update(created_at=past)

    assert duties.erase_outdated() == 1
    assert [row.owner_id for row in Conversation.objects.all()] == [young.pk]
    assert not Person.objects.filter(pk=visitor.pk).exists()
    assert Person.objects.filter(pk=young.pk).exists()


def test_a_conversation_that_goes_on_is_kept(visitor: Visitor) -> None:
    asked = say(visitor)
    answered(asked.generation_id)
    Case.objects.update(created_at=timezone.now() - timedelta(days=4000))

    assert duties.erase_outdated() == 0
