"""The audit chain: whatever is changed in it afterwards shows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from assistant.audit import chain
from assistant.models import AuditEvent, AuditHead, Person


@pytest.fixture
def events(bob: Person) -> list[AuditEvent]:
    return [
        chain.record(bob.id, "review.accepted", "review", number, before={"state": "pending"}, reason="Right")
        for number in range(3)
    ]


def test_an_untouched_chain_is_whole(events: list[AuditEvent]) -> None:
    assert chain.verify() == chain.Verdict(events=3, head=events[-1].sha256, broken_at=None)


def test_an_empty_chain_is_whole(db: None) -> None:
    assert chain.verify() == chain.Verdict(events=0, head="", broken_at=None)


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "Wrong"},
        {"action": "review.rejected"},
        {"object_id": "7"},
        {"before": {"state": "accepted"}},
        {"actor_pseudonym": "0" * 64},
        {"at": F("at") + timedelta(seconds=1)},
    ],
)
def test_a_changed_event_breaks_it_there(events: list[AuditEvent], change: dict[str, object]) -> None:
    AuditEvent.objects.filter(number=2).update(**change)

    assert chain.verify().broken_at == 2


def test_an_event_that_was_changed_with_its_hash_breaks_the_next(events: list[AuditEvent]) -> None:
    event = events[1]
    event.reason = "Wrong"
    AuditEvent.objects.filter(pk=event.pk).update(reason="Wrong", sha256=chain.sha256_of(event))

    assert chain.verify().broken_at == 3


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_event_that_was_taken_out_leaves_a_gap_at_the_end_too(events: list[AuditEvent], number: int) -> None:
    AuditEvent.objects.filter(number=number).delete()

    assert chain.verify().broken_at == number


def test_events_are_not_changed_by_saving(events: list[AuditEvent]) -> None:
    with pytest.raises(TypeError, match="never changed"):
        events[0].save()


def test_the_chain_stays_whole_when_an_actor_is_erased(events: list[AuditEvent], bob: Person) -> None:
    bob.delete()

    assert chain.verify().broken_at is None
    assert AuditEvent.objects.filter(actor=None).count() == 3


def test_the_command_says_so_and_fails_on_a_broken_one(
    events: list[AuditEvent], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("audit", "verify")
    assert capsys.readouterr().out == f"3 events, whole. Head: {events[-1].sha256}\n"

    AuditHead.objects.update(number=4)
    with pytest.raises(CommandError, match="broken at event 4"):
        call_command("audit", "verify")
