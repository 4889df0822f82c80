"""What workers do for the desk: nobody waits forever unheard, and nothing is kept longer than the site says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from assistant.desk import alert_mail, casework, duties, handoff, inbox, presence
from assistant.models import Alert, Case, Conversation, Delivery, Person, Site, Visitor, Webhook
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


@pytest.fixture
def snoozed(visitor: Visitor, dora: Person, eve: Person) -> Case:
    """Dora has it and has put it aside."""
    asked = say(visitor)
    handoff.take(dora.id, asked.conversation_id)
    casework.snooze(dora.id, asked.conversation_id, timezone.now() + timedelta(hours=1))
    return Case.objects.get()


def over() -> None:
    Case.objects.update(snoozed_until=timezone.now())


def returned() -> list[str]:
    return sorted(Alert.objects.filter(reason="returned").values_list("channel", flat=True))


def test_a_snooze_that_ends_is_told_once_to_whoever_has_the_case(
    snoozed: Case, visitor: Visitor, dora: Person, eve: Person, mallory: Person, shop: Site, settings: Settings
) -> None:
    settings.MAIL_REACHES_PEOPLE = True
    Webhook.objects.create(site=shop, url="https://hooks.example/", secret="x", events=["snooze.ended"])
    presence.arrive(eve.id)  # who is there, but not the one who has it
    assert duties.end_snoozes() == 0
    assert [row.id for row in inbox.cases(dora, status="open").items] == []
    over()
    assert duties.end_snoozes() == 1
    assert duties.end_snoozes() == 0

    assert returned() == ["desk", "email", "webhook"]
    assert [row.id for row in inbox.cases(dora, status="open").items] == [snoozed.pk]
    assert Case.objects.get().snoozed_until is None
    [told] = Delivery.objects.all()
    assert (told.event, told.payload["data"]["agent_id"]) == ("snooze.ended", str(dora.pk))
    assert inbox.newest_return(dora) is not None
    assert inbox.newest_return(eve) is None
    assert inbox.newest_return(mallory) is None


def test_at_an_open_desk_no_mail_is_sent(snoozed: Case, dora: Person, settings: Settings) -> None:
    settings.MAIL_REACHES_PEOPLE = True
    presence.arrive(dora.id)
    over()
    duties.end_snoozes()

    assert returned() == ["desk"]


def test_what_nobody_has_is_told_to_the_team(
    visitor: Visitor, dora: Person, eve: Person, mallory: Person, settings: Settings
) -> None:
    settings.MAIL_REACHES_PEOPLE = True
    asked = say(visitor)
    casework.snooze(dora.id, asked.conversation_id, timezone.now() + timedelta(hours=1))
    over()
    duties.end_snoozes()

    assert returned() == ["desk", "email"]
    assert alert_mail.addresses_for(Case.objects.get(), Alert.Reason.RETURNED) == [
        "dora@example.org",
        "eve@example.org",
    ]
    assert inbox.newest_return(eve) is not None
    assert inbox.newest_return(mallory) is None


def test_who_has_it_and_left_the_team_is_not_told(snoozed: Case, shop: Site, dora: Person) -> None:
    shop.team.members.remove(dora)

    assert alert_mail.addresses_for(Case.objects.get(), Alert.Reason.RETURNED) == ["eve@example.org"]
    assert inbox.newest_return(dora) is None


def test_a_snooze_that_the_visitor_ends_is_told_by_their_message_alone(snoozed: Case, visitor: Visitor) -> None:
    say(visitor, "Hello?", snoozed.pk)

    assert duties.end_snoozes() == 0
    assert returned() == []


def test_of_what_is_resolved_no_snooze_ends(snoozed: Case, dora: Person) -> None:
    handoff.resolve(dora.id, snoozed.pk)
    over()

    assert duties.end_snoozes() == 0


def test_the_return_makes_it_unread_for_whoever_has_it(snoozed: Case, dora: Person, eve: Person) -> None:
    for agent in (dora, eve):
        casework.mark_read(agent.id, snoozed.pk)
    over()
    duties.end_snoozes()

    assert inbox.case_view(dora, snoozed.pk).is_unread
    assert not inbox.case_view(eve, snoozed.pk).is_unread
