"""Schedules as operators write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from assistant import env
from assistant.schedules import Schedule

THURSDAY = datetime(2026, 11, 26, 0, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "last", "next_"),
    [
        ("daily 03:00", "2026-11-25 03:00", "2026-11-26 03:00"),
        ("sunday 23:30", "2026-11-22 23:30", "2026-11-29 23:30"),
        ("Thursday  00:20", "2026-11-26 00:20", "2026-12-03 00:20"),
        ("every 12 hours", "2026-11-26 00:00", "2026-11-26 12:00"),
        ("every 1 day", "2026-11-26 00:00", "2026-11-27 00:00"),
    ],
)
def test_it_says_when_it_was_and_will_be_due(text: str, last: str, next_: str) -> None:
    schedule = Schedule.parse(text)

    assert f"{schedule.last_due(THURSDAY):%Y-%m-%d %H:%M}" == last
    assert f"{schedule.next_due(THURSDAY):%Y-%m-%d %H:%M}" == next_


@given(
    st.sampled_from(["daily 03:00", "monday 00:00", "sunday 23:59", "every 7 hours", "every 9 days"]),
    st.integers(1_577_836_800, 2_840_140_800).map(lambda at: datetime.fromtimestamp(at, UTC)),
)
def test_now_lies_between_the_last_time_and_the_next(text: str, now: datetime) -> None:
    schedule = Schedule.parse(text)

    assert schedule.last_due(now) <= now < schedule.next_due(now)
    assert schedule.last_due(schedule.next_due(now)) == schedule.last_due(now) + schedule.every


@pytest.mark.parametrize("text", ["3 am", "daily 24:00", "daily", "every 0 hours", "every hour", "someday 03:00"])
def test_what_cannot_be_read_stops_the_start_with_a_sentence(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEARNING_SCHEDULE", text)

    with pytest.raises(ImproperlyConfigured, match=r"LEARNING_SCHEDULE=.*sunday 03:00"):
        env.schedule("LEARNING_SCHEDULE")


def test_nothing_is_never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEARNING_SCHEDULE", "")

    assert env.schedule("LEARNING_SCHEDULE") is None
    assert Schedule.parse("every 2 days").every == timedelta(days=2)
