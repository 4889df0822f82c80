"""Each number of the reports is how many conversations one condition holds for, and opens just these; of another team
nothing is counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from assistant.desk import handoff, reports
from assistant.desk.reports import MEASURES, Scope
from assistant.errors import AssistantError
from assistant.knowledge import actions as knowledge
from assistant.models import Adapter, Case, Generation, HandoffEvent, Passage, Person, Site, Turn, Visitor
from tests.assistant.desk import rows
from tests.assistant.desk.rows import answered, reply, say

UTC_ZONE = ZoneInfo("UTC")
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday


def scope(first: date = date(2026, 3, 1), last: date = date(2026, 3, 7), **more: object) -> Scope:
    return Scope(first, last, more.pop("zone", UTC_ZONE), **more)  # type: ignore[arg-type]


def begun(conversation_id: object, at: datetime = NOON) -> Case:
    Case.objects.filter(pk=conversation_id).update(created_at=at)
    return Case.objects.get(pk=conversation_id)


@pytest.fixture
def week(visitor: Visitor, dora: Person, bob: Person) -> dict[str, Case]:
    """One that the assistant resolves, one handed over and answered after 10 minutes, one that waits, one of Sunday."""
    knowledge.add(bob.id, "Where is my order", "On its way.")
    alone, helped, waits, sunday = (say(visitor) for _ in range(4))
    for asked in (alone, helped, waits, sunday):
        answered(asked.generation_id)
    handoff.resolve(None, alone.conversation_id)
    for asked in (helped, waits):
        handoff.ask_for_person(asked.conversation_id)
    reply(dora, helped.conversation_id)
    handoff.resolve(dora.id, helped.conversation_id)
    cases = {
        "alone": begun(alone.conversation_id),
        "helped": begun(helped.conversation_id),
        "waits": begun(waits.conversation_id, NOON + timedelta(days=1)),
        "sunday": begun(sunday.conversation_id, NOON - timedelta(days=3)),
    }
    HandoffEvent.objects.filter(case=helped.conversation_id, to_mode="waiting").update(at=NOON)
    HandoffEvent.objects.filter(case=helped.conversation_id).exclude(to_mode="waiting").update(
        at=NOON + timedelta(minutes=10)
    )
    Case.objects.filter(pk=helped.conversation_id).update(
        first_reply_at=NOON + timedelta(minutes=10), satisfaction=4, satisfaction_comment="Thanks"
    )
    Case.objects.filter(pk=alone.conversation_id).update(satisfaction=1)
    for asked, mood, passage in (
        (alone, 0.5, Passage.objects.get()),
        (helped, -0.5, Passage.objects.get()),
        (waits, -0.7, None),
    ):
        Turn.objects.create(
            message_id=asked.message_id, case_id=asked.conversation_id, sentiment=mood, passage=passage, at=NOON
        )
    return cases


def test_a_week_in_numbers(week: dict[str, Case], dora: Person) -> None:
    numbers = reports.in_all(dora, scope())

    assert numbers.counts == {
        "all": 4, "resolved": 2, "alone": 1, "handed": 2, "replied": 1, "rated": 2, "content": 1, "read": 3,
        "negative": 2,
    }  # fmt: skip
    assert (numbers.alone_share, numbers.handed_share) == (0.5, 0.5)
    assert numbers.negative_share == pytest.approx(2 / 3)
    assert numbers.first_reply_s == 600
    assert numbers.satisfaction == 2.5
    assert numbers.sentiment == pytest.approx(-0.7 / 3)


@pytest.mark.parametrize("measure", MEASURES)
def test_behind_each_number_are_just_its_conversations(measure: str, week: dict[str, Case], dora: Person) -> None:
    page = reports.case_list(dora, scope(), measure)

    assert len(page.items) == reports.in_all(dora, scope()).counts[measure]


def test_days_and_weeks_are_all_there_also_those_without_conversations(week: dict[str, Case], dora: Person) -> None:
    days = reports.by_time(dora, scope())
    weeks = reports.by_time(dora, scope(by_week=True))

    assert [numbers.counts["all"] for numbers in days.values()] == [1, 0, 0, 2, 1, 0, 0]
    assert {str(monday): numbers.counts["all"] for monday, numbers in weeks.items()} == {
        "2026-02-23": 1,
        "2026-03-02": 3,
    }
    assert reports.in_all(dora, scope(date(2025, 1, 1), date(2025, 1, 2))).handed_share is None


def test_days_are_those_of_the_reader(week: dict[str, Case], dora: Person) -> None:
    begun(week["alone"].pk, datetime(2026, 3, 4, 23, 30, tzinfo=UTC))
    days = reports.by_time(dora, scope(zone=ZoneInfo("Asia/Shanghai")))

    assert days[date(2026, 3, 4)].counts["all"] == 1
    assert days[date(2026, 3, 5)].counts["all"] == 2


def test_by_site_and_by_what_answered(week: dict[str, Case], dora: Person, shop: Site) -> None:
    adapter = Adapter.objects.create(name="June", sha256="a" * 64, base_model_sha256="b")
    Generation.objects.filter(conversation=week["alone"].pk).update(adapter=adapter)

    by_adapter = reports.by_adapter(dora, scope())

    assert {key: numbers.counts["all"] for key, numbers in by_adapter.items()} == {"base": 3, str(adapter.pk): 1}
    assert reports.by_site(dora, scope())[shop.pk].counts["all"] == 4
    assert [case.pk for case in reports.case_list(dora, scope(adapter=str(adapter.pk)), "all").items] == [
        week["alone"].pk
    ]


def test_what_is_asked_is_named_after_approved_answers(week: dict[str, Case], dora: Person) -> None:
    found = reports.topics(dora, scope())

    assert [(topic.question, topic.conversations) for topic in found] == [("Where is my order", 2), ("", 1)]
    for topic in found:
        page = reports.case_list(dora, scope(), "all", str(topic.passage_id or "none"))
        assert len(page.items) == topic.conversations


def test_another_team_sees_nothing_and_an_administrator_everything(
    week: dict[str, Case], mallory: Person, alice: Person
) -> None:
    assert reports.in_all(mallory, scope()).counts["all"] == 0
    assert reports.by_site(mallory, scope()) == {}
    assert reports.topics(mallory, scope()) == []
    assert reports.case_list(mallory, scope(), "all").items == []
    alice.role = Person.Role.ADMIN
    assert reports.in_all(alice, scope()).counts["all"] == 4
    assert reports.in_all(alice, scope(site_id=rows.site("Third").pk)).counts["all"] == 0


def test_cases_are_paged(week: dict[str, Case], dora: Person) -> None:
    seen, cursor = [], None
    for _ in range(4):
        page = reports.case_list(dora, scope(), "all", cursor=cursor, limit=1)
        seen += page.items
        cursor = page.next_cursor

    assert cursor is None
    assert len({case.pk for case in seen}) == 4
    with pytest.raises(AssistantError, match=r"page\.invalid_cursor"):
        reports.case_list(dora, scope(), "all", cursor="x")


@pytest.mark.parametrize("days", [-1, 370])
def test_a_range_has_an_end(days: int) -> None:
    with pytest.raises(AssistantError, match=r"report\.invalid_range"):
        scope(last=date(2026, 3, 1) + timedelta(days=days))


def test_what_cannot_be_counted_is_not_there(dora: Person) -> None:
    with pytest.raises(AssistantError, match=r"report\.unknown_measure"):
        reports.case_list(dora, scope(), "__class__")
